import { call, keepAlive, readText } from './client.ts';

/** A start that answers with the output and ends with it. */
export interface Short {
  readonly url: string;
  readonly accept?: string;
  readonly body: (index: number) => object;
}

/** Runs `count` short processes, `concurrency` at a time, each until its response ends. */
export async function runShort(short: Short, count: number, concurrency: number): Promise<void> {
  const agent = keepAlive(concurrency);
  let started = 0;
  const lane = async (): Promise<void> => {
    while (started < count) {
      const body = short.body(started++);
      const { accept } = short;
      await readText(
        await call(short.url, { body, agent, ...(accept === undefined ? {} : { accept }) }),
      );
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  agent.destroy();
}

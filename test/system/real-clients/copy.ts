import { createHash, randomUUID } from 'node:crypto';
import { eventually } from '../../support/eventually.ts';
import { Client } from '../../routes/client.ts';
import type { Account } from './reading.ts';
import type { ServiceProcess } from '../service-process.ts';

/** More than the kernel and this process buffer between a service and a reader that stalls. */
export const moreThanBuffersBytes = 24_000_000;

/** A `cat`, which writes what the test gives it in events of 32 000 bytes. */
export class Copy {
  readonly process_id = `copy-${randomUUID()}`;
  readonly #client: Client;
  readonly #hash = createHash('sha256');
  #lines = 0;
  #bytes = 0;

  constructor(service: ServiceProcess) {
    this.#client = new Client(service);
  }

  get path(): string {
    return `/processes/${this.process_id}/events?after_seq=0`;
  }

  async start(): Promise<this> {
    await this.#client.startCat(this.process_id);
    return this;
  }

  /** Lets it write about so many bytes; resolves when they are in the log. */
  async write(bytesMin: number): Promise<void> {
    const lines: string[] = [];
    for (let bytes = 0; bytes < bytesMin; bytes += lineBytes) {
      this.#lines += 1;
      lines.push(`${this.#lines} `.padEnd(lineBytes - 1, 'abcdefghij'));
    }
    const bytes = Buffer.from(`${lines.join('\n')}\n`);
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
    const { status } = await this.#client.upload(`/processes/${this.process_id}/stdin`, bytes);
    if (status !== 200) throw new Error(`stdin was answered with ${status}`);
    await eventually(
      async () => (await this.#client.process(this.process_id)).retained_bytes,
      (retained) => retained === this.#bytes,
    );
  }

  async end(): Promise<void> {
    await this.#client.finish(this.process_id);
  }

  async events(): Promise<number> {
    const { next_seq } = await this.#client.process(this.process_id);
    return next_seq - 1;
  }

  /** What a reader must have been given. */
  async whole(): Promise<Account> {
    const events = await this.events();
    const stdout = this.#hash.copy().digest('hex');
    const stderr = createHash('sha256').digest('hex');
    return { events, disorder: [], exited: 1, closed: 1, last: 'closed', stdout, stderr };
  }
}

const lineBytes = 100;

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Client } from '../../routes/client.ts';
import type { Account } from './reading.ts';
import type { ServiceProcess } from '../service-process.ts';

/** A talking process: what it is called and what became of it. */
export class Talk {
  readonly process_id = `talk-${randomUUID()}`;
  readonly #client: Client;
  readonly #reportFile: string;

  constructor(service: ServiceProcess) {
    this.#client = new Client(service);
    this.#reportFile = path.join(service.directory, `${this.process_id}.json`);
  }

  /** The path that an application is told to follow. */
  get path(): string {
    return `/processes/${this.process_id}/events?after_seq=0`;
  }

  /** Starts it; it says nothing before {@link begin}. */
  async start(): Promise<this> {
    const talker = path.join(import.meta.dirname, 'talker.ts');
    const argv = [process.execPath, talker, this.#reportFile];
    await this.#client.start({ process_id: this.process_id, argv, pipe_stdin: true });
    return this;
  }

  async begin(): Promise<void> {
    await this.#write({ text: 'go\n' });
  }

  /** How many events the log holds. */
  async events(): Promise<number> {
    const { next_seq } = await this.#client.process(this.process_id);
    return next_seq - 1;
  }

  /** Waits until the log holds so many events. */
  async reach(events: number): Promise<void> {
    for (let seen = 0; seen < events;) {
      const query = `after_seq=${seen}&wait_ms=20000`;
      await this.#client.get(`/processes/${this.process_id}/wake?${query}`);
      const now = await this.events();
      if (now === seen) throw new Error(`the talk stands still at ${seen}`);
      seen = now;
    }
  }

  /** Lets it come to its end. */
  async end(): Promise<void> {
    await this.#write({ eof: true });
    await this.#client.closed(this.process_id);
  }

  /** What a reader must have been given: what the child says that it wrote. */
  async whole(): Promise<Account> {
    const process = await this.#client.process(this.process_id);
    const { next_seq, exit_code } = process;
    if (exit_code !== 0) {
      const path = `/processes/${this.process_id}/output?format=text&stream=stderr`;
      const { body } = await this.#client.get(path);
      const lastWords = String(body).slice(-2000);
      throw new Error(`the child ended so: ${JSON.stringify({ ...process, lastWords })}`);
    }
    const report = readFileSync(this.#reportFile, 'utf8');
    const digests = JSON.parse(report) as Pick<Account, 'stdout' | 'stderr'>;
    return { events: next_seq - 1, disorder: [], exited: 1, closed: 1, last: 'closed', ...digests };
  }

  async #write(body: object): Promise<void> {
    await this.#client.post(`/processes/${this.process_id}/stdin`, body);
  }
}

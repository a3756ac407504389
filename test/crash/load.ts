import { setTimeout as sleep } from 'node:timers/promises';
import type { Process } from '../../src/protocol/process.ts';
import type { Reply } from './api.ts';
import { ask, follow, post } from './api.ts';
import type { Role } from './cast.ts';
import { ClaimBook } from './claim.ts';
import type { Told } from './claim.ts';
import { look, read } from './readers.ts';

/** Where a load is put on. */
export interface Stage {
  readonly url: string;
  /** Whether big ones must lose old output. */
  readonly isSmall: boolean;
  /** Called the moment that something is told. */
  readonly onTold: (told: Told) => void;
  /** Aborted at the kill: nobody enters any more. */
  readonly over: AbortSignal;
}

/** Plays all roles until the service is gone; resolves with what it has told of each. */
export async function play(cast: readonly Role[], stage: Stage): Promise<readonly ClaimBook[]> {
  const books = await Promise.all(cast.map((role) => enter(role, stage)));
  return books.filter((book) => book !== null);
}

async function enter(role: Role, stage: Stage): Promise<ClaimBook | null> {
  await sleep(role.afterMs, null, { signal: stage.over }).catch(() => null);
  if (stage.over.aborted) return null;
  const { key, body, isBig } = role;
  const mayEvict = isBig && stage.isSmall;
  const book = new ClaimBook({ key, body, mayEvict }, stage.onTold);
  const acts: Promise<void>[] = [];
  const onStarted = (): void => {
    acts.push(...role.readers.map((form) => read(stage.url, book, form)));
    acts.push(actsOf[role.then](stage.url, book, role));
  };
  await startsOf[role.start](stage.url, book, onStarted);
  await Promise.all(acts);
  return book;
}

type Start = (url: string, book: ClaimBook, onStarted: () => void) => Promise<void>;

const startsOf: Readonly<Record<Role['start'], Start>> = {
  async plainly(url, book, onStarted) {
    if (started(book, await post(`${url}/processes`, book.body), 201)) onStarted();
  },

  /** Two equal requests race; the child is one. */
  async twice(url, book, onStarted) {
    const replies = await Promise.all([1, 2].map(() => post(`${url}/processes`, book.body)));
    const statuses = replies.map((reply) => reply?.status ?? 0).toSorted();
    const [one = 0, other] = statuses;
    if (one !== 0 && (one !== 200 || other !== 201)) book.blame(`two starts: ${statuses.join()}`);
    const isStarted = replies.map((reply) => started(book, reply, reply?.status ?? 0));
    if (isStarted.includes(true)) onStarted();
  },

  /** The answer to the start is a stream of its events. */
  async streamed(url, book, onStarted) {
    const headers = { accept: 'text/event-stream', 'content-type': 'application/json' };
    const init = { method: 'POST', headers, body: JSON.stringify(book.body) };
    const end = await follow(
      `${url}/processes`,
      (event) => {
        if (event.type !== 'started') {
          book.give(event);
          return;
        }
        const members = Object.entries(event).filter(([name]) => name !== 'type');
        const process = Object.fromEntries(members) as unknown as Process;
        book.acknowledge(process.process_id);
        book.tell(process);
        onStarted();
      },
      init,
    );
    if (typeof end === 'number') book.blame(`a streamed start was answered with ${end}`);
  },
};

function started(book: ClaimBook, reply: Reply | null, status: number): boolean {
  if (reply === null) return false;
  if (reply.status !== status || status > 201) {
    book.blame(`a start was answered with ${reply.status}: ${JSON.stringify(reply.body)}`);
    return false;
  }
  const process = reply.body as Process | null;
  // The body may be cut when the head has come.
  const named = reply.headers.get('location')?.split('/').at(-1);
  const processId = process?.process_id ?? named ?? book.processId;
  if (processId === null) return false;
  book.acknowledge(processId);
  if (process !== null) book.tell(process);
  return true;
}

type Act = (url: string, book: ClaimBook, role: Role) => Promise<void>;

const actsOf: Readonly<Record<Role['then'], Act>> = {
  nothing: look,

  /** Lines with a `write_id` each; every third is written by two equal requests that race. */
  async feed(url, book, { lines }) {
    const input = `${url}/processes/${book.processId}/stdin`;
    let sentBytes = 0;
    for (let line = 1; line <= lines; line += 1) {
      const body = { text: `word ${line}\n`, write_id: `w${line}` };
      book.sent.push(`word ${line}`);
      sentBytes += body.text.length;
      const requests = line % 3 === 0 ? [body, body] : [body];
      const replies = await Promise.all(requests.map((one) => post(input, one)));
      for (const reply of replies) {
        if (reply === null || reply.body === null) return;
        const { stdin_bytes } = reply.body as { stdin_bytes?: number };
        if (reply.status !== 200 || stdin_bytes !== sentBytes) {
          book.blame(`a write was answered with ${reply.status}, ${stdin_bytes} of ${sentBytes}`);
        }
      }
      book.accepted();
    }
    await post(input, { eof: true });
  },

  async terminate(url, book) {
    await ask(`${url}/processes/${book.processId}/wake?after_seq=0&wait_ms=5000`);
    const path = `${url}/processes/${book.processId}/terminate`;
    const reply = await post(path, { wait_ms: 5000 });
    if (reply?.status === 200 && reply.body !== null) {
      const { running, survivors, ...process } = reply.body as Process & Terminated;
      if (survivors.length > 0) book.blame(`${survivors.join()} survived, running: ${running}`);
      book.tell(process);
    }
  },

  async remove(url, book) {
    await read(url, book, 'sse');
    await remove(book, `${url}/processes/${book.processId}`);
  },

  async force(url, book) {
    await remove(book, `${url}/processes/${book.processId}?force=true`);
  },
};

interface Terminated {
  readonly running: boolean;
  readonly survivors: readonly number[];
}

async function remove(book: ClaimBook, url: string): Promise<void> {
  book.removal = 'asked';
  const reply = await ask(url, { method: 'DELETE' });
  if (reply?.status === 204) book.removed();
  else if (reply !== null) book.blame(`a removal was answered with ${reply.status}`);
}

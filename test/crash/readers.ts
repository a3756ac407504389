import type { Process } from '../../src/protocol/process.ts';
import type { Page } from './api.ts';
import { ask, eventsOf, follow, isLastPage } from './api.ts';
import type { ClaimBook } from './claim.ts';

/** The ways to follow a process. */
export const forms = ['events', 'sse', 'ndjson', 'pages'] as const;
export type Form = (typeof forms)[number];

/** Takes down all that one reader is given, until it has everything or the service is gone. */
export async function read(url: string, book: ClaimBook, form: Form): Promise<void> {
  const process = `${url}/processes/${book.processId}`;
  if (form === 'pages') await readPages(process, book);
  else await readStream(process, book, form);
  await look(url, book);
}

/** Takes down what the process looks like now. */
export async function look(url: string, book: ClaimBook): Promise<void> {
  const reply = await ask(`${url}/processes/${book.processId}`);
  if (reply?.status === 200 && reply.body !== null) book.tell(reply.body as Process);
  else if (reply !== null && reply.status !== 200) refuse(book, 'GET', reply.status);
}

const paths = {
  events: 'events?after_seq=0',
  sse: 'output?after_seq=0&format=sse',
  ndjson: 'output?after_seq=0&format=ndjson',
};

async function readStream(
  process: string,
  book: ClaimBook,
  form: keyof typeof paths,
): Promise<void> {
  const end = await follow(`${process}/${paths[form]}`, book.give);
  if (typeof end === 'number') refuse(book, paths[form], end);
}

async function readPages(process: string, book: ClaimBook): Promise<void> {
  for (let after = 0; ;) {
    const query = `after_seq=${after}&max_bytes=50000&wait_ms=2000`;
    const reply = await ask(`${process}/output?${query}`);
    if (reply === null) return;
    if (reply.status !== 200) refuse(book, 'a page', reply.status);
    if (reply.status !== 200 || reply.body === null) return;
    const page = reply.body as Page;
    for (const event of eventsOf(page, after)) book.give(event);
    if (isLastPage(page)) return;
    after = page.next_seq - 1;
  }
}

function refuse(book: ClaimBook, what: string, status: number): void {
  if (book.removal === 'none' || status !== 410) book.blame(`${what} was answered with ${status}`);
}

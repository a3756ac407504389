import { readFileSync } from 'node:fs';
import type { Process } from '../../src/protocol/process.ts';
import type { Page } from './api.ts';
import { ask, eventsOf, follow, isLastPage, post } from './api.ts';
import type { Life } from './cast.ts';
import { diaryOf } from './cast.ts';
import type { Claim } from './claim.ts';
import type { Evidence, Repeated, Served, Traces } from './evidence.ts';
import type { End, ServedLog } from './log.ts';
import { LogCollector } from './log.ts';

/** Collects the evidence for all claims of a life that was killed. */
export async function survey(
  url: string,
  life: Life,
  claims: readonly Claim[],
): Promise<readonly Evidence[]> {
  const listed = await list(url, life.number);
  const all: Evidence[] = [];
  for (const claim of claims) {
    const place = listed.find(({ labels }) => labels['key'] === claim.key) ?? null;
    const served = await servedOf(url, claim, place);
    all.push({ claim, served, traces: tracesOf(life, claim.key) });
  }
  return all;
}

/** All processes that were started in a life and are listed. */
export async function list(url: string, life: number): Promise<readonly Process[]> {
  const all: Process[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const page = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const reply = await ask(`${url}/processes?label=life%3D${life}&limit=10${page}`);
    const body = reply?.body as { processes: Process[]; next_cursor: string | null } | null;
    if (reply?.status !== 200 || body === null) throw new Error(`no list: ${reply?.status}`);
    all.push(...body.processes);
    cursor = body.next_cursor;
  }
  return all;
}

/** What a child has left. */
export function tracesOf(life: Pick<Life, 'diaries'>, key: string): Traces {
  const read = (name: string): Buffer => contentOf(`${diaryOf(life, key)}.${name}`);
  const diary = { stdout: read('stdout'), stderr: read('stderr'), pty: read('pty') };
  const starts = read('starts').toString().split('\n').length - 1;
  return { diary, starts };
}

async function servedOf(url: string, claim: Claim, listed: Process | null): Promise<Served> {
  const processId = claim.processId ?? listed?.process_id ?? null;
  const base = { snapshot: null, listed, paged: null, streamed: null, atEnd: null };
  if (processId === null) return { ...base, status: 404, repeated: null };
  const process = `${url}/processes/${processId}`;
  const reply = await ask(process);
  const status = reply?.status ?? 0;
  if (reply === null || status !== 200) {
    return { ...base, status, repeated: await repeat(url, claim) };
  }
  const snapshot = reply.body as Process;
  const isOver = snapshot.state === 'closed' || snapshot.state === 'failed';
  return {
    ...base,
    status,
    snapshot,
    paged: await readPages(process),
    streamed: isOver ? await readStream(process) : null,
    atEnd: isOver ? await readEnd(process, snapshot) : null,
    repeated: await repeat(url, claim),
  };
}

/** Reads a log in small pages, as long as they lead on. */
export async function readPages(process: string): Promise<ServedLog> {
  const log = new LogCollector();
  for (let after = 0; ;) {
    const reply = await ask(`${process}/output?after_seq=${after}&max_bytes=60000`);
    if (reply?.status !== 200 || reply.body === null) return log.served(reply?.status ?? 'cut');
    const page = reply.body as Page;
    for (const event of eventsOf(page, after)) log.take(event);
    if (isLastPage(page)) return log.served('clean');
    if (page.next_seq - 1 <= after) return log.served('late');
    after = page.next_seq - 1;
  }
}

async function readStream(process: string): Promise<ServedLog> {
  const log = new LogCollector();
  const msMax = 10_000;
  const end: End = await follow(`${process}/output?format=sse&after_seq=0`, log.take, { msMax });
  return log.served(end);
}

async function readEnd(process: string, { state, next_seq }: Process): Promise<number> {
  const end = state === 'failed' ? next_seq : next_seq - 1;
  const reply = await ask(`${process}/events?after_seq=${end}`);
  return reply?.status ?? 0;
}

async function repeat(url: string, claim: Claim): Promise<Repeated | null> {
  if (!claim.isAcknowledged || claim.body.process_id === undefined) return null;
  const reply = await post(`${url}/processes`, claim.body);
  const isReplay = reply?.headers.get('idempotent-replayed') === 'true';
  const status = reply?.status ?? 0;
  return { status, isReplay, process: status < 300 ? (reply?.body as Process | null) : null };
}

function contentOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch {
    return Buffer.alloc(0);
  }
}

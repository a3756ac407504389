import type { End, WireEvent } from './log.ts';

/** An answer; the body is null when it was cut, and when it is no JSON. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** A page of `/output`. */
export interface Page {
  readonly chunks: readonly WireEvent[];
  readonly next_seq: number;
  readonly head_seq: number;
  readonly gap: WireEvent | null;
  readonly exit_seq: number | null;
  readonly exit_code: number | null;
  readonly signal: string | null;
  readonly exit_reason: string | null;
  readonly closed: boolean;
  readonly closed_seq: number | null;
  readonly output_incomplete: boolean;
  readonly failure: string | null;
}

/** How long a service may take to answer. */
const answerMsMax = 20_000;

/** Asks; null says that the service went away before it answered. */
export async function ask(url: string, init: RequestInit = {}): Promise<Reply | null> {
  const response = await open(url, init, answerMsMax);
  if (response === null) return null;
  const { status, headers } = response;
  const text = await response.text().catch(() => '');
  return { status, headers, body: jsonOf(text) };
}

/** Posts JSON. */
export function post(url: string, body: object): Promise<Reply | null> {
  const headers = { 'content-type': 'application/json' };
  return ask(url, { method: 'POST', headers, body: JSON.stringify(body) });
}

/** Reads a stream of SSE or NDJSON: a status says that there was none. */
export async function follow(
  url: string,
  take: (event: WireEvent) => void,
  init: RequestInit & { readonly msMax?: number } = {},
): Promise<End> {
  const { msMax = answerMsMax, ...rest } = init;
  const startedAt = performance.now();
  const response = await open(url, { redirect: 'follow', ...rest }, msMax);
  if (response === null) return 'cut';
  if (!response.ok || response.status === 204) {
    await response.body?.cancel();
    return response.status;
  }
  try {
    for await (const event of eventsIn(response)) take(event);
    return 'clean';
  } catch (error) {
    if (error instanceof SyntaxError) throw error;
    return performance.now() - startedAt > msMax ? 'late' : 'cut';
  }
}

/** The events that a page covers, in order. */
export function eventsOf(page: Page, after: number): readonly WireEvent[] {
  const { exit_code, signal, exit_reason, output_incomplete, next_seq } = page;
  const exit = { exit_code, signal, exit_reason };
  const events: WireEvent[] = page.chunks.map((chunk) => ({ ...chunk, type: 'output' }));
  if (page.exit_seq !== null) events.push({ type: 'exited', seq: page.exit_seq, ...exit });
  if (page.closed_seq !== null) {
    events.push({ type: 'closed', seq: page.closed_seq, ...exit, output_incomplete });
  }
  const covered = events.filter(({ seq = 0 }) => seq > after && seq < next_seq);
  const sorted = covered.toSorted((one, other) => (one.seq ?? 0) - (other.seq ?? 0));
  return page.gap === null ? sorted : [{ ...page.gap, type: 'gap' }, ...sorted];
}

/** Whether a pager has everything. */
export function isLastPage({ closed, closed_seq, failure, next_seq, head_seq }: Page): boolean {
  if (closed) return next_seq > (closed_seq ?? Infinity);
  return failure !== null && next_seq > head_seq;
}

async function open(url: string, init: RequestInit, msMax: number): Promise<Response | null> {
  try {
    return await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(msMax), ...init });
  } catch {
    return null;
  }
}

async function* eventsIn(response: Response): AsyncGenerator<WireEvent> {
  const isSse = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
  for await (const part of partsOf(response, isSse ? '\n\n' : '\n')) {
    const event = eventOf(part, isSse);
    if (event !== null) yield event;
  }
}

/** What came whole; the rest of a cut does not count. */
async function* partsOf(response: Response, ends: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let text = '';
  for await (const bytes of response.body ?? []) {
    text += decoder.decode(bytes as Uint8Array, { stream: true });
    const parts = text.split(ends);
    text = parts.pop() ?? '';
    yield* parts;
  }
}

function eventOf(part: string, isSse: boolean): WireEvent | null {
  const data = isSse ? /^data: (.*)$/m.exec(part)?.[1] : part;
  return data === undefined || data === '' ? null : (JSON.parse(data) as WireEvent);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

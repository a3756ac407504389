import type { SubscribeParams } from '../exec-backend.ts';
import type { Http } from './http.ts';
import { processPath } from './paths.ts';
import { SseConnection } from './sse-connection.ts';

/** Which events to ask for. */
export interface EventsRequest {
  readonly processId: string;
  readonly from: SubscribeParams['from'];
  /** The last seq that is known; null: begin at the oldest. */
  readonly cursor: number | null;
  readonly signal: AbortSignal;
}

/** What a server answers to it. */
export type OpenedEvents =
  | { readonly kind: 'stream'; readonly connection: SseConnection }
  | { readonly kind: 'ended' }
  | { readonly kind: 'lagged' };

/** Asks once for an event stream; follows no redirect, since it says that the cursor lags. */
export async function openEvents(
  http: Http,
  { processId, from, cursor, signal }: EventsRequest,
): Promise<OpenedEvents> {
  const route = from === 'replay' ? 'events' : 'output';
  const afterSeq = cursor === null ? [] : [['after_seq', String(cursor)] as const];
  const { status, body } = await http.open({
    path: processPath(processId, route),
    query: [['encoding', 'base64'], ['format', 'sse'], ...afterSeq],
    headers: {
      accept: 'text/event-stream',
      ...(cursor === null ? {} : { 'last-event-id': String(cursor) }),
    },
    signal,
  });
  if (status === 200) return { kind: 'stream', connection: new SseConnection(http, body, signal) };
  body.resume();
  return { kind: status === 204 ? 'ended' : 'lagged' };
}

import type { ClosedEvent, ExitedEvent } from '../../../log/event.ts';
import type { Lifecycle } from '../../../log/lifecycle.ts';
import { exitedPart } from '../../../log/lifecycle.ts';
import type { LogPage, ReadQuery } from '../../engine.ts';
import type { LogSource } from './log-reader.ts';
import { readPage } from './log-reader.ts';

/** A log with what else is known of its process; null while it is still written to. */
export interface KnownLog extends LogSource {
  readonly lifecycle: Lifecycle | null;
}

/**
 * Reads a page of a log. The exit and the close are told even when their part of the log is not there
 * (any more), since they are known from elsewhere.
 */
export function readWhole(log: KnownLog, query: ReadQuery): LogPage {
  const page = readPage(log, query);
  const { gap } = page;
  if (gap === null || log.lifecycle === null) return page;
  const missed = controlsOf(log.lifecycle).filter(
    ({ seq }) => gap.from_seq <= seq && seq <= gap.to_seq,
  );
  const [first] = missed;
  if (first === undefined) return page;
  if (first.seq === gap.from_seq) return { gap: null, events: [first] };
  // Output may be missing after it as well.
  const hasRest = gap.to_seq - first.seq >= missed.length;
  const rest = hasRest ? readPage(log, { after_seq: first.seq, max_bytes: 0 }).gap : null;
  const bytes = gap.bytes - (rest?.bytes ?? 0);
  return { gap: { ...gap, to_seq: first.seq - 1, bytes }, events: [first] };
}

function controlsOf(lifecycle: Lifecycle): readonly (ExitedEvent | ClosedEvent)[] {
  const exited = exitedPart(lifecycle);
  if (exited === null) return [];
  const { exit, exit_seq } = exited;
  const event: ExitedEvent = { type: 'exited', seq: exit_seq, ...exit };
  if (lifecycle.state !== 'closed') return [event];
  const { closed_seq, output_incomplete } = lifecycle;
  return [event, { type: 'closed', seq: closed_seq, ...exit, output_incomplete }];
}

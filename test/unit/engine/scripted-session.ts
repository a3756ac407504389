import { expect } from 'vitest';
import type { Engine } from '../../../src/engine/engine.ts';
import type { AppendedEvent } from '../../../src/log/event.ts';
import type { Closed, Lifecycle } from '../../../src/log/lifecycle.ts';
import { running } from '../../../src/log/lifecycle.ts';
import { closed, closedAt, exited, exitedAt, outputs, recordOf } from './fixtures.ts';
import { follow } from './follow-log.ts';

/** What an engine was told and has confirmed. */
export interface Confirmed {
  isCreated: boolean;
  last_seq: number;
  lifecycle: Lifecycle;
  isRemoved: boolean;
}

/** One call of a session; `confirm` says what holds once it was accepted. */
export interface Step {
  readonly what: string;
  readonly call: (engine: Engine) => Promise<unknown>;
  readonly confirm: (confirmed: Confirmed) => void;
}

export const sessionBounds = {
  retainedBytesMax: 1_600,
  replay: { eventsMax: 5, bytesMax: 1_000 },
};

const long = recordOf('long');
const short = recordOf('short');
const size = { rows: 50, cols: 132 };

/** All that the long process of the session writes; evicted by its end are the first ones. */
export const written: readonly AppendedEvent[] = [
  ...outputs([20, 20, 20, 20, 70, 110, 300, 500, 700, 90, 400]),
  exited(12),
  ...outputs([30], 13),
  closed(14),
];

const atEnd: Closed = { ...exitedAt(12, 500), ...closedPart() };

function closedPart(): Pick<Closed, 'state' | 'closed_seq' | 'closed_at' | 'output_incomplete'> {
  return { state: 'closed', closed_seq: 14, closed_at: 600, output_incomplete: false };
}

/** A process that fills many segments, and one that is removed; all calls of the port that write. */
export const session: readonly Step[] = [
  step('reserve', (engine) => engine.reserve(long)),
  step(
    'create',
    (engine) => engine.create(long),
    (confirmed) => {
      confirmed.isCreated = true;
    },
  ),
  ...[1, 2, 3, 4, 5, 6, 8].map((last) => append(last, running)),
  step('resize', (engine) => engine.resize(long, size)),
  append(11, running),
  append(12, exitedAt(12, 500)),
  append(14, atEnd),
  step('reserve another', (engine) => engine.reserve(short)),
  step('create another', (engine) => engine.create(short)),
  step('end another', (engine) =>
    engine.append(short, [...outputs([5]), exited(2), closed(3)], closedAt(3, 700)),
  ),
  step(
    'remove',
    (engine) => engine.remove('short'),
    (confirmed) => {
      confirmed.isRemoved = true;
    },
  ),
  step('drop', (engine) => engine.dropLog(short)),
  step('expire', (engine) => engine.findExpired()),
  step('reserve in vain', (engine) => engine.reserve({ process_id: 'v', incarnation: 'ab' })),
  step('release', (engine) => engine.release({ process_id: 'v', incarnation: 'ab' })),
];

function step(what: string, call: Step['call'], confirm: Step['confirm'] = () => undefined): Step {
  return { what, call, confirm };
}

/** Appends up to a seq from where the log is: a repeat gives the same events. */
function append(last: number, lifecycle: Lifecycle): Step {
  const firsts = [0, 1, 2, 3, 4, 5, 6, 8, 11, 12];
  const first = firsts.findLast((seq) => seq < last) ?? 0;
  return step(
    `append up to ${last}`,
    (engine) => engine.append(long, written.slice(first, last), lifecycle),
    (confirmed) => {
      Object.assign(confirmed, { last_seq: last, lifecycle });
    },
  );
}

export function nothingConfirmed(): Confirmed {
  return { isCreated: false, last_seq: 0, lifecycle: running, isRemoved: false };
}

/** Requires what was confirmed, and that nothing else is told than what was written. */
export async function requireConfirmed(engine: Engine, confirmed: Confirmed): Promise<void> {
  const found = await engine.find('long');
  if (confirmed.isRemoved) expect(await engine.find('short')).toBe('expired');
  if (typeof found === 'string') {
    expect({ ...confirmed, found }).toMatchObject({ isCreated: false });
    return;
  }
  expect(found.head.last_seq).toBeGreaterThanOrEqual(confirmed.last_seq);
  if (confirmed.lifecycle.state === 'closed') expect(found.lifecycle).toEqual(atEnd);
  if (confirmed.lifecycle.state === 'exited') {
    expect(['exited', 'closed', 'failed']).toContain(found.lifecycle.state);
    expect(found.lifecycle).not.toMatchObject({ exited: null });
  }
  const { last_seq, first_retained_seq } = found.head;
  const { seqs } = await follow((query) => engine.read(long, query), {
    after_seq: 0,
    max_bytes: 200,
    written: written.slice(0, last_seq),
  });
  const retained = written.slice(first_retained_seq - 1, last_seq);
  expect([...seqs]).toEqual(retained.map((_, place) => first_retained_seq + place));
}

/** Requires all that the session leaves when it has gone well. */
export async function requireWhole(engine: Engine): Promise<void> {
  const confirmed = { isCreated: true, last_seq: 14, lifecycle: atEnd, isRemoved: true };
  await requireConfirmed(engine, confirmed);
  expect(await engine.find('long')).toMatchObject({ record: { ...long, size }, lifecycle: atEnd });
  expect(await engine.leftovers()).toEqual({ orphaned: [], starts: [] });
}

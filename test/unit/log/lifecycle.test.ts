import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type {
  Closed,
  Exited,
  Failed,
  Lifecycle,
  LifecycleEvent,
} from '../../../src/log/lifecycle.ts';
import {
  advance,
  endedAt,
  exitedPart,
  exitOf,
  isOver,
  running,
} from '../../../src/log/lifecycle.ts';

const exit = { exit_code: 3, signal: null, exit_reason: 'exited' } as const;
const exited: Exited = { state: 'exited', exit, exit_seq: 5, exited_at: 1000 };
const closed: Closed = {
  ...exited,
  state: 'closed',
  closed_seq: 7,
  closed_at: 2000,
  output_incomplete: true,
};
const failedRunning: Failed = {
  state: 'failed',
  message: 'the owner is gone',
  failure_reason: 'owner_lost',
  failed_at: 3000,
  exited: null,
};
const failedExited: Failed = { ...failedRunning, exited };

const events = {
  exited: { type: 'exited', exit, seq: 5, at: 1000 },
  closed: { type: 'closed', seq: 7, at: 2000, output_incomplete: true },
  failed: { type: 'failed', message: 'the owner is gone', failure_reason: 'owner_lost', at: 3000 },
} as const satisfies { [Type in LifecycleEvent['type']]: LifecycleEvent & { type: Type } };

/** Every state against every event: the state that follows, null where there is no step. */
const steps: Record<Lifecycle['state'], Record<LifecycleEvent['type'], Lifecycle | null>> = {
  running: { exited, closed: null, failed: failedRunning },
  exited: { exited: null, closed, failed: failedExited },
  closed: { exited: null, closed: null, failed: null },
  failed: { exited: null, closed: null, failed: null },
};
const states = { running, exited, closed, failed: failedExited } satisfies Record<
  Lifecycle['state'],
  Lifecycle
>;

const cells = Object.values(states).flatMap((from) =>
  Object.values(events).map((event) => ({ from, event, to: steps[from.state][event.type] })),
);
const possible = cells.flatMap(({ from, event, to }) => (to === null ? [] : [{ from, event, to }]));
const impossible = cells.filter(({ to }) => to === null);

test('of twelve cells four are steps', () => {
  expect([possible.length, impossible.length]).toEqual([4, 8]);
});

test.each(possible)('$event.type moves $from.state to $to.state', ({ from, event, to }) => {
  expect(advance(from, event)).toEqual(to);
});

test.each(impossible)('$event.type cannot happen to $from.state', ({ from, event }) => {
  expect(() => advance(from, event)).toThrow(
    new Error(`a process that is ${from.state} cannot be ${event.type}`),
  );
});

test('no sequence of events moves a state back, and an exit once known stays', () => {
  const rank = { running: 0, exited: 1, closed: 2, failed: 2 };
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...Object.values(events))), (sequence) => {
      let state: Lifecycle = running;
      for (const event of sequence) {
        const before = state;
        try {
          state = advance(before, event);
        } catch {
          continue;
        }
        expect(rank[state.state]).toBeGreaterThan(rank[before.state]);
        expect(exitOf(state)).toEqual(exitOf(before) ?? (event.type === 'exited' ? exit : null));
      }
    }),
  );
});

describe('what is known in each state', () => {
  const { exit_seq, exited_at } = exited;
  const known = { exit, exit_seq, exited_at };

  test.each([
    { name: 'running', state: running, exit: null, part: null, ended: null, over: false },
    { name: 'exited', state: exited, exit, part: known, ended: null, over: false },
    { name: 'closed', state: closed, exit, part: known, ended: 2000, over: true },
    {
      name: 'failed before the exit',
      state: failedRunning,
      exit: null,
      part: null,
      ended: 3000,
      over: true,
    },
    {
      name: 'failed after the exit',
      state: failedExited,
      exit,
      part: known,
      ended: 3000,
      over: true,
    },
  ])('$name', ({ state, exit: status, part, ended, over }) => {
    expect(exitOf(state)).toEqual(status);
    if (part === null) expect(exitedPart(state)).toBeNull();
    else expect(exitedPart(state)).toMatchObject(part);
    expect(endedAt(state)).toBe(ended);
    expect(isOver(state)).toBe(over);
  });
});

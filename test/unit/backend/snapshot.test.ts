import { expect, test } from 'vitest';
import { snapshotOf } from '../../../src/backend/snapshot.ts';
import type { LogHead } from '../../../src/engine/engine.ts';
import { emptyHead } from '../../../src/engine/engine.ts';
import type { ProcessSnapshot } from '../../../src/exec-types.ts';
import { running } from '../../../src/log/lifecycle.ts';
import { closedState, exitedState, failedState, recordOf } from '../replica/fixtures.ts';

const record = recordOf({ labels: { a: 'b' }, pipe_stdin: true, retention_ms: 1500 });
const head: LogHead = {
  last_seq: 9,
  first_retained_seq: 4,
  first_replay_seq: 7,
  retained_bytes: 600,
  evicted_bytes: 300,
};

const runningSnapshot: ProcessSnapshot = {
  process_id: 'p',
  argv: ['true'],
  cwd: '/',
  tty: false,
  size: null,
  pipe_stdin: true,
  labels: { a: 'b' },
  pid: 4321,
  state: 'running',
  exit_code: null,
  signal: null,
  exit_reason: null,
  failure: null,
  failure_reason: null,
  started_at: '2023-11-14T22:13:20.000Z',
  exited_at: null,
  closed_at: null,
  expires_at: null,
  first_retained_seq: 4,
  next_seq: 10,
  retained_bytes: 600,
  evicted_bytes: 300,
  stdin: 'open',
  owner: 'replica-1',
  output_incomplete: false,
};
const exitedSnapshot: ProcessSnapshot = {
  ...runningSnapshot,
  state: 'exited',
  exit_code: 0,
  exit_reason: 'exited',
  exited_at: '1970-01-01T00:00:01.000Z',
  stdin: 'closed',
};

test('a process that runs has no end', () => {
  expect(snapshotOf({ record, head, lifecycle: running }, 'open')).toEqual(runningSnapshot);
});

test('an empty log begins at 1 and goes on at 1', () => {
  expect(snapshotOf({ record, head: emptyHead, lifecycle: running }, 'open')).toEqual({
    ...runningSnapshot,
    first_retained_seq: 1,
    next_seq: 1,
    retained_bytes: 0,
    evicted_bytes: 0,
  });
});

test('a process that exited has a status and does not expire yet', () => {
  expect(snapshotOf({ record, head, lifecycle: exitedState(5) }, 'closed')).toEqual(exitedSnapshot);
});

test('a closed process expires after its retention', () => {
  const lifecycle = { ...closedState(9), output_incomplete: true };
  expect(snapshotOf({ record, head, lifecycle }, 'closed')).toEqual({
    ...exitedSnapshot,
    state: 'closed',
    closed_at: '1970-01-01T00:00:02.000Z',
    expires_at: '1970-01-01T00:00:03.500Z',
    output_incomplete: true,
  });
});

test('a failed process says why and expires, without an end that is not known', () => {
  const failed = {
    state: 'failed',
    failure: 'the owner is gone',
    failure_reason: 'owner_lost',
    expires_at: '1970-01-01T00:00:04.500Z',
    stdin: 'closed',
  } as const;
  expect(snapshotOf({ record, head, lifecycle: failedState() }, 'closed')).toEqual({
    ...runningSnapshot,
    ...failed,
  });
  expect(snapshotOf({ record, head, lifecycle: failedState(exitedState(5)) }, 'closed')).toEqual({
    ...exitedSnapshot,
    ...failed,
  });
});

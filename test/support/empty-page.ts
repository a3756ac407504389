import type { OutputPage } from '../../src/exec-types.ts';

/** The page of a log that has no event yet. */
export const emptyPage: OutputPage = {
  chunks: [],
  next_seq: 1,
  head_seq: 0,
  first_retained_seq: 1,
  gap: null,
  exited: false,
  exit_code: null,
  signal: null,
  exit_reason: null,
  exit_seq: null,
  closed: false,
  closed_seq: null,
  output_incomplete: false,
  failure: null,
  failure_reason: null,
};

import { describe, expect, it } from 'vitest';
import { exitTrailers } from '../../../src/http/trailers.ts';
import type { ClosedEvent } from '../../../src/log/event.ts';

function closed(exit_code: number | null, signal: string | null): ClosedEvent {
  const end = { exit_code, signal, exit_reason: 'exited', output_incomplete: false } as const;
  return { type: 'closed', seq: 3, ...end };
}

describe('the trailers of an exit', () => {
  it.each([
    [closed(0, null), { 'Exit-Code': '0' }],
    [closed(3, null), { 'Exit-Code': '3' }],
    [closed(255, null), { 'Exit-Code': '255' }],
    [closed(null, 'SIGTERM'), { 'Exit-Code': '143', 'Exit-Signal': 'SIGTERM' }],
    [closed(null, 'SIGKILL'), { 'Exit-Code': '137', 'Exit-Signal': 'SIGKILL' }],
    [closed(null, 'SIGRTMIN+6'), { 'Exit-Code': '168', 'Exit-Signal': 'SIGRTMIN+6' }],
    [null, {}],
  ])('of %j are %j', (event, trailers) => {
    expect(exitTrailers(event)).toEqual(trailers);
  });
});

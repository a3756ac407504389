import { expect } from 'vitest';
import type { Reply } from './client.ts';

/** Any text, for members whose wording may change. */
export const anyText: unknown = expect.any(String);

/** Any number. */
export const anyNumber: unknown = expect.any(Number);

/** Any time as RFC 3339 in UTC with milliseconds. */
export const anyTime: unknown = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

/** A problem of that code, with these members of its case and no others. */
export function problem(status: number, code: string, members: object = {}): object {
  return {
    type: `urn:procession:problem:${code}`,
    title: anyText,
    status,
    detail: expect.stringMatching(/./) as unknown,
    instance: expect.stringMatching(/^[0-9a-f]{24}$/) as unknown,
    code,
    ...members,
  };
}

/** What a reply says, with its type and what is not told apart left out. */
export function told({ status, headers, body }: Reply): object {
  return { status, type: headers.get('content-type'), body };
}

/** What {@link told} gives for a problem. */
export function refusal(status: number, code: string, members: object = {}): object {
  return { status, type: 'application/problem+json', body: problem(status, code, members) };
}

/** What {@link told} gives for a request whose members are not valid, whichever they are. */
export const invalid = refusal(400, 'invalid_request', {
  errors: expect.arrayContaining([{ pointer: anyText, detail: anyText }]) as unknown,
});

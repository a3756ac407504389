import { describe, expect, it } from 'vitest';
import { problemOf } from '../../../src/client/problem.ts';
import { Disconnected } from '../../../src/client/recovery.ts';

describe('a problem', () => {
  it('becomes an error with its code, detail and members', () => {
    const problem = {
      type: 'urn:procession:problem:stdin_full',
      title: 'The child does not read its input',
      status: 429,
      detail: 'wait',
      instance: 'abc',
      code: 'stdin_full',
      accepted_bytes: 5,
    };
    expect(problemOf(429, JSON.stringify(problem))).toMatchObject({
      code: 'stdin_full',
      message: 'wait',
      members: { accepted_bytes: 5 },
      cause: { status: 429, instance: 'abc' },
    });
  });

  it('with a code of another release is an internal error that names it', () => {
    const body = JSON.stringify({ code: 'too_new', status: 418, detail: 'no tea' });
    expect(problemOf(418, body)).toMatchObject({
      code: 'internal_error',
      message: 'no tea',
      members: { code: 'too_new', status: 418 },
    });
  });

  it.each(['', '<html>', '[]', 'null', '"x"', '{}'])('that is none is one too: %j', (body) => {
    expect(problemOf(418, body)).toMatchObject({
      code: 'internal_error',
      message: 'the server answered 418',
      members: { status: 418 },
    });
  });

  it.each([502, 503, 504])('of a gateway that reached no server is no answer: %i', (status) => {
    expect(problemOf(status, '<html>Bad gateway')).toBeInstanceOf(Disconnected);
    expect(problemOf(status, JSON.stringify({ code: 'draining' })).code).toBe('draining');
  });
});

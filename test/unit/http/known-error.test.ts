import { describe, expect, it } from 'vitest';
import { ProcessionError } from '../../../src/errors.ts';
import { knownError } from '../../../src/http/problem.ts';

/** An error as Fastify and Node make them. */
function coded(code: string, statusCode?: number): Error {
  return Object.assign(new Error('a sentence'), { code, statusCode });
}

describe('the error that a caller is told of', () => {
  it('is the very one when it is ours', () => {
    const error = new ProcessionError('stdin_full', 'the child does not read');
    expect(knownError(error)).toBe(error);
  });

  it.each([
    ['FST_ERR_CTP_BODY_TOO_LARGE', 413, 'body_too_large'],
    ['FST_ERR_MAX_PARAM_LENGTH', 414, 'uri_too_long'],
    ['FST_ERR_BAD_URL', 400, 'invalid_request'],
  ])('is for %s of the framework our %s', (code, status, ours) => {
    const { code: told, message } = knownError(coded(code, status));
    expect({ told, message }).toEqual({ told: ours, message: 'a sentence' });
  });

  it('says which types there are when a body has another one', () => {
    expect(knownError(coded('FST_ERR_CTP_INVALID_MEDIA_TYPE', 415))).toMatchObject({
      code: 'unsupported_media_type',
      message:
        'the body must be application/json, or for the standard input application/octet-stream',
    });
  });

  it('is no failure of the service when the body broke off', () => {
    const { code, message } = knownError(coded('ECONNRESET', 400));
    expect({ code, message }).toEqual({ code: 'invalid_request', message: 'a sentence' });
  });

  it.each([
    ['an error', new Error('secret')],
    ['an error of the system', coded('ENOSPC')],
    ['an error that asks for another status', coded('ERR_X', 401)],
    ['a text', 'secret'],
    ['nothing', undefined],
  ])('says nothing of %s from inside', (_name, error) => {
    const { code, message, members } = knownError(error);
    expect({ code, message, members }).toEqual({
      code: 'internal_error',
      message: 'the service failed; its log has the request id',
      members: {},
    });
  });
});

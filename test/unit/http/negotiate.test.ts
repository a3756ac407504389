import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { ProcessionError } from '../../../src/errors.ts';
import type { Format } from '../../../src/http/negotiate.ts';
import { negotiate } from '../../../src/http/negotiate.ts';

const all = ['json', 'sse', 'ndjson', 'text', 'raw'] as const;

function accepting(accept: string | undefined): IncomingMessage {
  const request = new IncomingMessage(new Socket());
  if (accept !== undefined) request.headers.accept = accept;
  return request;
}

/** The format that is chosen, or the code of the refusal. */
function choice(accept: string | undefined, offered: readonly Format[], format?: Format): string {
  try {
    return negotiate(accepting(accept), format, offered);
  } catch (error) {
    return error instanceof ProcessionError ? error.code : String(error);
  }
}

describe('the negotiation of a representation', () => {
  it.each([
    [undefined, 'json'],
    ['*/*', 'json'],
    ['application/json', 'json'],
    ['text/event-stream', 'sse'],
    ['application/x-ndjson', 'ndjson'],
    ['text/plain', 'text'],
    ['application/octet-stream', 'raw'],
    ['text/*', 'sse'],
    ['application/*', 'json'],
    ['text/html, */*;q=0.1', 'json'],
    ['text/plain;q=0.1, text/event-stream;q=0.2', 'sse'],
    ['text/plain;q=0.2, text/event-stream;q=0.1', 'text'],
    ['text/plain, text/event-stream', 'text'],
    ['*/*;q=0.5, text/plain', 'text'],
    ['*/*, application/json;q=0', 'sse'],
    ['application/json;q=0.001', 'json'],
    ['Text/Event-Stream', 'sse'],
    ['text/event-stream;charset=utf-8', 'sse'],
    ['text/plain; charset="utf-8"', 'text'],
    ['application/json; charset=UTF-8;q=0.9, text/plain;q=0.8', 'json'],
    ['text/html', 'not_acceptable'],
    ['', 'not_acceptable'],
    ['application/json;q=0', 'not_acceptable'],
    ['*/*;q=0', 'not_acceptable'],
    ['image/*', 'not_acceptable'],
    ['text/plain;charset=latin1', 'not_acceptable'],
    ['nonsense', 'not_acceptable'],
  ])('Accept: %j is %s', (accept, expected) => {
    expect(choice(accept, all)).toBe(expected);
  });

  it('takes the first one that is offered when everything is accepted alike', () => {
    expect(choice(undefined, ['sse', 'json'])).toBe('sse');
    expect(choice('*/*', ['sse', 'json'])).toBe('sse');
    expect(choice('application/json, */*;q=0.9', ['sse', 'json'])).toBe('json');
  });

  it('is beaten by the format of the query', () => {
    expect(choice('text/html', all, 'raw')).toBe('raw');
    expect(choice('application/json', all, 'sse')).toBe('sse');
  });

  it('says what there is when nothing fits', () => {
    expect(() => negotiate(accepting('text/html'), undefined, ['sse', 'ndjson'])).toThrow(
      'this route answers as text/event-stream, application/x-ndjson',
    );
  });
});

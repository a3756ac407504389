import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProcessionError } from '../../../src/errors.ts';
import { strictBase64 } from '../../../src/http/base64.ts';

function isRefused(text: string): boolean {
  try {
    strictBase64(text);
    return false;
  } catch (error) {
    return error instanceof ProcessionError && error.code === 'invalid_request';
  }
}

describe('strict base64', () => {
  it('is the bytes that were written', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (array) => {
        const bytes = Buffer.from(array);
        expect(strictBase64(bytes.toString('base64'))).toEqual(bytes);
      }),
    );
  });

  it('takes only the one way to write some bytes', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('A', 'Q', 'a', '+', '/', '=', '-', '_', ' ', '\n') }),
        (text) => {
          const isCanonical = Buffer.from(text, 'base64').toString('base64') === text;
          expect(isRefused(text)).toBe(!isCanonical);
        },
      ),
    );
  });

  it.each([
    'A',
    'AA',
    'AAA',
    'AA=',
    'AB==',
    'AAB=',
    'AA==\n',
    ' AA==',
    'A-A=',
    '_w==',
    'AA==AA==',
    '=',
  ])('refuses %j', (text) => {
    expect(isRefused(text)).toBe(true);
  });

  it('says which member is wrong', () => {
    expect(() => strictBase64('A')).toThrow(
      expect.objectContaining({
        code: 'invalid_request',
        members: { errors: [{ pointer: '/chunk', detail: 'must be base64 with its padding' }] },
      }),
    );
  });
});

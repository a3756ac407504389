import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cutBefore, isText, unfinishedTail } from '../../../src/log/utf8.ts';

/** The first and last of each length, and those that look special. */
const characters = [
  'a',
  '\u007f',
  '\u0080',
  'é',
  '\u07ff',
  '\u0800',
  '€',
  '\ud7ff',
  '\ue000',
  '\ufeff',
  '\ufffd',
  '\uffff',
  '\u{10000}',
  '😀',
  '\u{10ffff}',
];

describe('an unfinished tail', () => {
  test.each(characters)('of every part of %j is that part', (character) => {
    const bytes = Buffer.from(character);
    for (let length = 0; length < bytes.length; length += 1) {
      expect(unfinishedTail(bytes.subarray(0, length))).toBe(length);
      expect(unfinishedTail(Buffer.concat([Buffer.from('xé'), bytes.subarray(0, length)]))).toBe(
        length,
      );
    }
    expect(unfinishedTail(bytes)).toBe(0);
  });

  test.each([
    ['a lone continuation byte', [0x80]],
    ['two continuation bytes', [0x80, 0xbf]],
    ['three continuation bytes', [0x80, 0x80, 0x80]],
    ['four continuation bytes', [0x80, 0x80, 0x80, 0x80]],
    ['a continuation byte too many', [0xc3, 0xa9, 0x80]],
    ['a three-byte character with one too many', [0xe2, 0x82, 0xac, 0x80]],
    ['a four-byte character with one too many', [0xf0, 0x9f, 0x98, 0x80, 0x80]],
    ['the overlong lead C0', [0xc0]],
    ['the overlong lead C1', [0xc1]],
    ['the overlong begin E0 80', [0xe0, 0x80]],
    ['the overlong begin F0 80', [0xf0, 0x80]],
    ['the overlong begin F0 8F BF', [0xf0, 0x8f, 0xbf]],
    ['half a surrogate', [0xed, 0xa0]],
    ['a begin beyond U+10FFFF', [0xf4, 0x90]],
    ['the lead F5', [0xf5]],
    ['the lead FF', [0xff]],
    ['a lead before ASCII', [0xe2, 0x41]],
  ])('is none after %s', (_, bytes) => {
    expect(unfinishedTail(Buffer.from(bytes))).toBe(0);
  });

  test.each([
    ['a lead after a lead', [0xe2, 0xe2], 1],
    ['a lead after an unfinished character', [0xf0, 0x9f, 0xc3], 1],
    ['a begin after rubbish', [0xff, 0x80, 0xf0, 0x9f, 0x98], 3],
  ])('is the last begin: %s', (_, bytes, length) => {
    expect(unfinishedTail(Buffer.from(bytes))).toBe(length);
  });

  test('is the longest proper begin of some character, for any bytes', () => {
    const begins = new Set<string>();
    for (let point = 0x80; point <= 0x10ffff; point += 0x40) {
      if (point >= 0xd800 && point <= 0xdfff) continue;
      const bytes = Buffer.from(String.fromCodePoint(point));
      for (let length = 1; length < bytes.length; length += 1) {
        begins.add(bytes.toString('hex', 0, length));
      }
    }
    const naive = (bytes: Buffer): number =>
      [3, 2, 1].find((length) => begins.has(bytes.subarray(-length).toString('hex'))) ?? 0;
    const byte = fc.oneof(
      fc.integer({ min: 0, max: 0xff }),
      fc.integer({ min: 0x80, max: 0xbf }),
      fc.integer({ min: 0xc0, max: 0xff }),
    );
    fc.assert(
      fc.property(fc.array(byte, { minLength: 3, maxLength: 8 }), (bytes) => {
        expect(unfinishedTail(Buffer.from(bytes))).toBe(naive(Buffer.from(bytes)));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a cut', () => {
  test.each([
    [3, 3],
    [4, 4],
    [5, 4],
  ])('of %i ASCII bytes at most 4 long is after %i', (length, cut) => {
    expect(cutBefore(Buffer.alloc(length, 'a'), 4)).toBe(cut);
  });

  test.each(characters)('does not divide %j', (character) => {
    const text = Buffer.from(character.repeat(5));
    const size = text.length / 5;
    for (let max = size; max <= text.length; max += 1) {
      expect(cutBefore(text, max)).toBe(max - (max % size));
    }
  });

  test('divides a character that is longer than the cut may be', () => {
    expect(cutBefore(Buffer.from('😀'), 3)).toBe(3);
  });

  test('leaves bytes that are no text as long as they may be', () => {
    expect(cutBefore(Buffer.alloc(10, 0x80), 4)).toBe(4);
  });
});

describe('text', () => {
  test.each(['', 'a', 'é€😀', '\ufeffa', '\u0001\u001f\u007f', '\r\n'])('is %j', (text) => {
    expect(isText(Buffer.from(text))).toBe(true);
  });

  test.each([
    ['NUL', [0]],
    ['text around NUL', [0x61, 0, 0x62]],
    ['half a character', [0xc3]],
    ['a lone continuation byte', [0x80]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
  ])('is not %s', (_, bytes) => {
    expect(isText(Buffer.from(bytes))).toBe(false);
  });

  test('is any valid UTF-8 without NUL', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 8 }), (bytes) => {
        expect(isText(Buffer.from(bytes))).toBe(isUtf8(bytes) && !bytes.includes(0));
      }),
    );
  });
});

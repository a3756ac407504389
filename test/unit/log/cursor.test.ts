import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ProcessionError } from '../../../src/errors.ts';
import { cursorOf, parseDecimal } from '../../../src/log/cursor.ts';

const largest = '9007199254740991';

test.each([
  ['0', 0],
  ['1', 1],
  ['10', 10],
  ['4096', 4096],
  [largest, Number.MAX_SAFE_INTEGER],
])('%s is a decimal', (text, value) => {
  expect(parseDecimal(text)).toBe(value);
});

test.each([
  '',
  ' ',
  '-1',
  '+1',
  '-0',
  '00',
  '01',
  '1.0',
  '1e3',
  '0x10',
  '1_000',
  ' 1',
  '1 ',
  '1\n',
  '\n1',
  '1\n2',
  '١',
  'NaN',
  'Infinity',
  '9007199254740992',
  '9999999999999999',
  '10000000000000000',
  '18446744073709551616',
])('%j is no decimal', (text) => {
  expect(parseDecimal(text)).toBeUndefined();
});

test('every safe integer is read back from its text', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      expect(parseDecimal(String(value))).toBe(value);
    }),
  );
});

test('a text is a decimal exactly when it is the text of a safe integer', () => {
  const digits = fc.string({
    unit: fc.constantFrom(...Array.from('0123456789-+.e x')),
    maxLength: 18,
  });
  fc.assert(
    fc.property(digits, (text) => {
      const value = Number(text);
      const isCanonical = Number.isSafeInteger(value) && String(value) === text && value >= 0;
      expect(parseDecimal(text)).toBe(isCanonical ? value : undefined);
    }),
  );
});

test.each([
  { lastEventId: '7', afterSeq: undefined, cursor: 7 },
  { lastEventId: '7', afterSeq: '3', cursor: 7 },
  { lastEventId: '', afterSeq: '3', cursor: 3 },
  { lastEventId: undefined, afterSeq: '3', cursor: 3 },
  { lastEventId: '0', afterSeq: '3', cursor: 0 },
  { lastEventId: undefined, afterSeq: '0', cursor: 0 },
  { lastEventId: '', afterSeq: undefined, cursor: null },
  { lastEventId: undefined, afterSeq: undefined, cursor: null },
])(
  'Last-Event-ID $lastEventId and after_seq $afterSeq make the cursor $cursor',
  ({ lastEventId, afterSeq, cursor }) => {
    expect(cursorOf(lastEventId, afterSeq)).toBe(cursor);
  },
);

test.each([
  { lastEventId: 'abc', afterSeq: '3', named: '"abc"' },
  { lastEventId: undefined, afterSeq: '', named: '""' },
  { lastEventId: '', afterSeq: '-1', named: '"-1"' },
  { lastEventId: ' ', afterSeq: '1', named: '" "' },
  { lastEventId: undefined, afterSeq: 7, named: '7' },
  { lastEventId: ['1', '2'], afterSeq: undefined, named: '["1","2"]' },
  { lastEventId: null, afterSeq: '1', named: 'null' },
  { lastEventId: 'x'.repeat(1000), afterSeq: undefined, named: `"${'x'.repeat(79)}` },
])('$named is refused as a cursor and named', ({ lastEventId, afterSeq, named }) => {
  const detail = `expected a decimal number from 0 to 2^53-1, got ${named}`;
  expect(() => cursorOf(lastEventId, afterSeq)).toThrow(
    new ProcessionError('invalid_cursor', detail),
  );
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProcessionError } from '../../../src/errors.ts';
import { parseStrictJson } from '../../../src/http/strict-json.ts';

/** What a body is: its value, or the detail of its refusal. */
function read(body: string | Buffer): unknown {
  try {
    return { value: parseStrictJson(Buffer.from(body)) };
  } catch (error) {
    if (!(error instanceof ProcessionError)) throw error;
    return { code: error.code, detail: error.message };
  }
}

function refused(detail: RegExp): object {
  return { code: 'invalid_json', detail: expect.stringMatching(detail) as unknown };
}

describe('strict JSON', () => {
  it('is what JSON.parse makes of a text without ambiguity', () => {
    const noProto = fc.string().filter((name) => name !== '__proto__');
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        fc.string({ unit: 'grapheme' }),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.constantFrom(true, false, null),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(noProto, tie('value'), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(value, fc.nat(3), (tree, indent) => {
        const text = JSON.stringify(tree, null, indent);
        expect(read(text)).toEqual({ value: JSON.parse(text) as unknown });
      }),
    );
  });

  it('is nothing for an empty body, which null is not', () => {
    expect(read('')).toEqual({ value: undefined });
    expect(read('null')).toEqual({ value: null });
  });

  it.each([
    '{"a":1,"a":1}',
    '{"a":{"b":[{"c":1,"c":2}]}}',
    '[{"x":1},{"y":1,"y":1}]',
    '{"a":1,"\\u0061":1}',
    '{"":1,"":1}',
    '{"a":[],"b":{},"a":[]}',
    '{"constructor":1,"constructor":1}',
  ])('refuses the doubled member of %s', (text) => {
    expect(read(text)).toEqual(refused(/appears twice$/));
  });

  it.each([
    '{"a":{"a":1},"b":{"a":1}}',
    '[{"a":1},{"a":1}]',
    '{"a":"a","b":"a:","c":"\\"a\\":1,"}',
  ])('takes the members of %s for the different ones that they are', (text) => {
    expect(read(text)).toEqual({ value: JSON.parse(text) as unknown });
  });

  it.each(['{"__proto__":1}', '{"a":[{"__proto__":{}}]}', '{"__pro\\u0074o__":null}'])(
    'refuses %s',
    (text) => {
      expect(read(text)).toEqual(refused(/is not allowed$/));
    },
  );

  it.each([
    '{} {}',
    '{}x',
    '{}\0',
    '{',
    '[1,]',
    "{'a':1}",
    '{a:1}',
    '01',
    '1e',
    '"\n"',
    'NaN',
    '\ufeff{}',
    '{}//',
  ])('refuses %j', (text) => {
    expect(read(text)).toEqual(refused(/^the body is not JSON: /));
  });

  it.each(['22ff22', '22c0af22', '22eda08022', '22f8888080802222', '22e2821c22'])(
    'refuses the bytes %s, which are no UTF-8',
    (hex) => {
      expect(read(Buffer.from(hex, 'hex'))).toEqual(refused(/^the body is not valid UTF-8$/));
    },
  );

  it.each(['"\\ud83d"', '"\\uDC00"', '{"\\ud800":1}', '["\\udc00\\ud800"]', '"\\ud83d\\\\udc00"'])(
    'refuses %s, which holds half a character',
    (text) => {
      expect(read(text)).toEqual(refused(/half a surrogate pair/));
    },
  );

  it.each(['"\\ud83d\\udc08"', '"\\\\ud83d"', '"\\uD83D\\uDC08x"'])('takes %s', (text) => {
    expect(read(text)).toEqual({ value: JSON.parse(text) as unknown });
  });

  it.each([
    ['one text', `"${'a'.repeat(1_048_574)}"`],
    ['escapes', `"${'\\n'.repeat(524_287)}"`],
    ['quotes', `"${'\\"'.repeat(524_287)}"`],
    ['numbers', `[${'1,'.repeat(524_286)}1]`],
    ['nesting', '['.repeat(100_000) + ']'.repeat(100_000)],
  ])('reads a mebibyte of %s', (_name, text) => {
    expect(read(text)).toHaveProperty('value');
  });

  it('says little of what was wrong', () => {
    const { detail } = read(`{"${'x'.repeat(100_000)}":1,}`) as { detail: string };
    expect(detail.length).toBeLessThan(300);
  });
});

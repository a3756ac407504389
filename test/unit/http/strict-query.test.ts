import { describe, expect, it } from 'vitest';
import { readQuery } from '../../../src/http/strict-query.ts';

const schema = {
  properties: {
    number: { type: 'integer' },
    flag: { type: 'boolean' },
    list: { type: 'array' },
    text: { type: 'string' },
    cursor: {},
  },
};

describe('a query', () => {
  it.each([
    [{ number: '0' }, { number: 0 }],
    [{ number: '9007199254740991' }, { number: 9_007_199_254_740_991 }],
    [{ number: '9007199254740992' }, { number: '9007199254740992' }],
    [{ number: '' }, { number: '' }],
    [{ number: '07' }, { number: '07' }],
    [{ number: '-1' }, { number: '-1' }],
    [{ number: '1e3' }, { number: '1e3' }],
    [{ number: '1.0' }, { number: '1.0' }],
    [{ number: ' 1' }, { number: ' 1' }],
    [{ number: ['1', '1'] }, { number: ['1', '1'] }],
    [{ flag: 'true' }, { flag: true }],
    [{ flag: 'false' }, { flag: false }],
    [{ flag: 'TRUE' }, { flag: 'TRUE' }],
    [{ flag: '1' }, { flag: '1' }],
    [{ flag: '' }, { flag: '' }],
    [{ list: 'a' }, { list: ['a'] }],
    [{ list: ['a', 'b'] }, { list: ['a', 'b'] }],
    [{ text: '1' }, { text: '1' }],
    [{ text: 'true' }, { text: 'true' }],
    [{ cursor: '07' }, { cursor: '07' }],
    [{ other: '1' }, { other: '1' }],
    [{ constructor: '1' }, { constructor: '1' }],
    [{}, {}],
    [undefined, {}],
  ])('%j is %j', (query, expected) => {
    expect(readQuery(schema, query)).toEqual(expected);
  });

  it('keeps the name __proto__ as a name', () => {
    const query: unknown = JSON.parse('{"__proto__":"1"}');
    expect(Object.keys(readQuery(schema, query))).toEqual(['__proto__']);
  });

  it('without a schema keeps what it has, for validation to refuse', () => {
    expect(readQuery({}, { number: '1' })).toEqual({ number: '1' });
  });
});

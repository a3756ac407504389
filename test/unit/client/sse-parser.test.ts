import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SseFrame } from '../../../src/client/sse-parser.ts';
import { SseParser, frameBytesMax } from '../../../src/client/sse-parser.ts';

function parse(...pieces: readonly (string | Uint8Array)[]): readonly SseFrame[] {
  const parser = new SseParser();
  return pieces.flatMap((piece) => parser.push(Buffer.from(piece)));
}

function bytewise(text: string): readonly Uint8Array[] {
  return Array.from(Buffer.from(text), (byte) => Uint8Array.of(byte));
}

function frame(data: string, changes: Partial<SseFrame> = {}): SseFrame {
  return { event: 'message', data, id: null, ...changes };
}

describe('a frame', () => {
  it.each<[string, string, readonly SseFrame[]]>([
    ['has its fields', 'event: e\ndata: d\nid: 7\n\n', [frame('d', { event: 'e', id: '7' })]],
    ['may have them in any order', 'id: 7\ndata: d\n\n', [frame('d', { id: '7' })]],
    ['joins its lines of data', 'data: a\ndata:\ndata: b\n\n', [frame('a\n\nb')]],
    ['loses one space after the colon', 'data:  a\ndata:b\n\n', [frame(' a\nb')]],
    ['may have a field without a colon', 'data\n\n', [frame('')]],
    ['keeps colons of its data', 'data: a: b:c\n\n', [frame('a: b:c')]],
    ['without data is none', 'event: e\nid: 7\n\n', []],
    ['does not get the event of the one before', 'event: e\n\ndata: d\n\n', [frame('d')]],
    ['without its empty line is none', 'data: a\n\ndata: b\n', [frame('a')]],
    ['ignores fields that are unknown', 'date: x\ndata: d\nDATA: e\n\n', [frame('d')]],
    ['ignores comments', ':\n: data: x\n\ndata: d\n:y\n\n', [frame('d')]],
    ['ignores an id with a NUL', 'id: 1\0\ndata: d\n\n', [frame('d')]],
    ['may have an empty id', 'id:\ndata: d\n\n', [frame('d', { id: '' })]],
    ['keeps every character', 'data: aü€😀\u2028b\n\n', [frame('aü€😀\u2028b')]],
  ])('%s', (_name, text, frames) => {
    expect(parse(text)).toEqual(frames);
  });

  it.each(['\n', '\r', '\r\n'])('ends its lines with %j', (end) => {
    const text = ['event: e', 'data: a', 'data: b', 'id: 1', '', 'data: c', '', ''].join(end);
    const frames = [frame('a\nb', { event: 'e', id: '1' }), frame('c')];
    expect(parse(text)).toEqual(frames);
    expect(parse(...bytewise(text))).toEqual(frames);
  });

  it('may follow a byte order mark, which only the start of the stream can have', () => {
    const text = '\uFEFFdata: a\n\n\uFEFFdata: b\n\ndata: c\n\n';
    expect(parse(text)).toEqual([frame('a'), frame('c')]);
    expect(parse(...bytewise(text))).toEqual([frame('a'), frame('c')]);
  });

  it('is complete with the last byte of its empty line and not before', () => {
    const parser = new SseParser();
    expect(parser.push(Buffer.from('data: a\r\n\r'))).toEqual([frame('a')]);
    expect(parser.push(Buffer.from('\ndata: b\n'))).toEqual([]);
    expect(parser.push(Buffer.from('\n'))).toEqual([frame('b')]);
  });

  it('of invalid UTF-8 has replacement characters', () => {
    const bytes = Buffer.concat([Buffer.from('data: '), Buffer.from([0xff]), Buffer.from('\n\n')]);
    expect(parse(bytes)).toEqual([frame('\uFFFD')]);
  });
});

describe('the same frames', () => {
  const line = fc.constantFrom(
    'data: a',
    'data:',
    'data: ü€😀',
    'event: output',
    'id: 12',
    'retry: 5',
    ': comment',
    'unknown: x',
    '',
  );
  const end = fc.constantFrom('\n', '\r', '\r\n');
  const stream = fc
    .array(fc.tuple(line, end), { maxLength: 30 })
    .map((lines) => Buffer.from(lines.flat().join('')));

  it('come of any split of the bytes', () => {
    fc.assert(
      fc.property(stream, fc.boolean(), fc.infiniteStream(fc.nat(9)), (text, hasMark, sizes) => {
        const bytes = hasMark ? Buffer.concat([Buffer.from('\uFEFF'), text]) : text;
        const whole = new SseParser();
        const split = new SseParser();
        const frames: SseFrame[] = [];
        for (let at = 0; at < bytes.length;) {
          const size = Number(sizes.next().value);
          frames.push(...split.push(bytes.subarray(at, at + size)));
          at += size;
        }
        expect(frames).toEqual(whole.push(bytes));
        expect(split.retryMs).toBe(whole.retryMs);
      }),
      { numRuns: 500 },
    );
  });

  it('come back from what was written', () => {
    const text = fc.string({ unit: 'binary' }).filter((value) => !/[\r\n]/.test(value));
    const named = fc.record({ event: text, data: fc.array(text, { minLength: 1 }) });
    fc.assert(
      fc.property(fc.array(named), (events) => {
        const wire = events
          .map(({ event, data }) =>
            [`event: ${event}`, ...data.map((one) => `data: ${one}`), '', ''].join('\n'),
          )
          .join('');
        expect(parse(wire)).toEqual(
          events.map(({ event, data }) => frame(data.join('\n'), { event: event || 'message' })),
        );
      }),
    );
  });
});

describe('retry', () => {
  it('is null until there is one, then the last one', () => {
    const parser = new SseParser();
    expect(parser.retryMs).toBeNull();
    parser.push(Buffer.from('retry: 2000\n\n'));
    expect(parser.retryMs).toBe(2000);
    parser.push(Buffer.from('retry: 500\n'));
    expect(parser.retryMs).toBe(500);
  });

  it.each(['', '-1', '1.5', 'soon', '1e3', '9999999999'])('is ignored when it is %j', (value) => {
    const parser = new SseParser();
    parser.push(Buffer.from(`retry: ${value}\n\n`));
    expect(parser.retryMs).toBeNull();
  });
});

describe('a frame that is too large', () => {
  const fits = frameBytesMax - 'data: '.length;
  const tooLarge: unknown = expect.objectContaining({ code: 'internal_error' });

  it('is refused before its line ends', () => {
    expect(parse(`data: ${'x'.repeat(fits)}`, '\n\n')).toHaveLength(1);
    expect(() => parse(`data: ${'x'.repeat(fits + 1)}`)).toThrow(tooLarge);
  });

  it('is refused when it is made of many lines', () => {
    const half = `data: ${'x'.repeat(frameBytesMax / 2)}\n`;
    expect(parse(half, '\n')).toHaveLength(1);
    expect(() => parse(half, half)).toThrow(tooLarge);
  });
});

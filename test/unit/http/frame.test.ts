import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChunkEncoding, FrameStyle } from '../../../src/http/frame.ts';
import { chunkText, drainingFrame, encodeBatch, sseFrame } from '../../../src/http/frame.ts';
import type { StreamEvent } from '../../../src/log/event.ts';
import { parseSse } from '../../routes/events.ts';

function style(format: FrameStyle['format'], encoding: ChunkEncoding = 'utf8'): FrameStyle {
  return { format, encoding, outputUrl: (after) => `/processes/p/output?after_seq=${after}` };
}

function output(seq: number, chunk: Buffer): StreamEvent {
  return { type: 'output', seq, stream: 'stdout', chunk };
}

/** What a reader makes of the bytes: data objects, and ids where there are frames. */
function parse(bytes: Buffer, format: FrameStyle['format']) {
  const text = bytes.toString('utf8');
  if (format === 'sse') return parseSse(text).frames.map(({ data, id }) => ({ data, id }));
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line) => ({ data: JSON.parse(line) as unknown, id: undefined }));
}

interface ChunkData {
  readonly encoding: BufferEncoding;
  readonly chunk: string;
}

const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.string({ unit: 'binary', maxLength: 100 }).map((text) => Buffer.from(text, 'utf8')),
  fc
    .array(fc.constantFrom('\n', '\r', '\0', 'id: 9', 'data:', '\u2028', '\ufeff', '\ud83d', ':'))
    .map((pieces) => Buffer.from(pieces.join(''), 'utf8')),
);

describe.each(['sse', 'ndjson'] as const)('output as %s', (format) => {
  it.each(['utf8', 'base64'] as const)('in %s brings every byte and its seq back', (encoding) => {
    fc.assert(
      fc.property(fc.array(anyBytes, { minLength: 1, maxLength: 5 }), (chunks) => {
        const events = chunks.map((chunk, at) => output(at + 1, chunk));
        const read = parse(encodeBatch(events, style(format, encoding)), format);
        const bytes = read.map(({ data }) => {
          const { chunk, encoding: written } = data as ChunkData;
          return Buffer.from(chunk, written);
        });
        expect(bytes).toEqual(chunks);
        expect(read.map(({ data }) => (data as { seq: number }).seq)).toEqual(
          chunks.map((_, at) => at + 1),
        );
        expect(read.map(({ id }) => id)).toEqual(
          chunks.map((_, at) => (format === 'sse' ? String(at + 1) : undefined)),
        );
      }),
    );
  });

  it('is text exactly when it is valid UTF-8 without NUL, unless base64 is asked for', () => {
    fc.assert(
      fc.property(anyBytes, (chunk) => {
        for (const encoding of ['utf8', 'base64'] as const) {
          const [read] = parse(encodeBatch([output(1, chunk)], style(format, encoding)), format);
          const isText = encoding === 'utf8' && isUtf8(chunk) && !chunk.includes(0);
          expect(read?.data).toEqual({
            type: 'output',
            seq: 1,
            stream: 'stdout',
            ...chunkText(chunk, encoding),
          });
          expect((read?.data as ChunkData).encoding).toBe(isText ? 'utf8' : 'base64');
        }
      }),
    );
  });

  it('is encoded once for all readers of a batch', () => {
    const events = [output(1, Buffer.from('a'))];
    const bytes = encodeBatch(events, style(format));
    expect(encodeBatch(events, style(format))).toBe(bytes);
    expect(encodeBatch(events, style(format, 'base64'))).not.toBe(bytes);
    expect(encodeBatch([...events], style(format))).not.toBe(bytes);
  });
});

const exit = { exit_code: null, signal: 'SIGTERM', exit_reason: 'terminated' } as const;

/** Every event that is no output, with its data and id as an SSE frame. */
const others: readonly (readonly [StreamEvent, object, number | null])[] = [
  [{ type: 'exited', seq: 8, ...exit }, { type: 'exited', seq: 8, ...exit }, 8],
  [
    { type: 'closed', seq: 9, ...exit, output_incomplete: true },
    { type: 'closed', seq: 9, ...exit, output_incomplete: true },
    9,
  ],
  [
    { type: 'failed', last_seq: 7, message: 'm', failure_reason: 'owner_lost', ...exit },
    { type: 'failed', message: 'm', failure_reason: 'owner_lost', ...exit },
    8,
  ],
  [
    { type: 'gap', from_seq: 1, to_seq: 40, bytes: 1_048_576 },
    { type: 'gap', from_seq: 1, to_seq: 40, bytes: 1_048_576 },
    40,
  ],
  [
    { type: 'lagged', after_seq: 7 },
    { type: 'lagged', after_seq: 7, output_url: '/processes/p/output?after_seq=7' },
    null,
  ],
];

describe('other events', () => {
  it.each(others)('%j is a frame of event, data and id', (event, data, id) => {
    const idLine = id === null ? '' : `id: ${id}\n`;
    expect(encodeBatch([event], style('sse')).toString()).toBe(
      `event: ${event.type}\ndata: ${JSON.stringify(data)}\n${idLine}\n`,
    );
  });

  it.each(others)('%j is a line of NDJSON', (event, data) => {
    expect(encodeBatch([event], style('ndjson')).toString()).toBe(`${JSON.stringify(data)}\n`);
  });

  it('draining says when to come back, spread over 500 to 5000 ms', () => {
    const retries = Array.from({ length: 300 }, () => {
      const { frames, retries: all } = parseSse(drainingFrame());
      expect(frames).toEqual([{ event: 'draining', data: { type: 'draining' }, id: null }]);
      return all[0] ?? 0;
    });
    expect(Math.min(...retries)).toBeGreaterThanOrEqual(500);
    expect(Math.max(...retries)).toBeLessThanOrEqual(5000);
    expect(new Set(retries).size).toBeGreaterThan(100);
    const ndjson = encodeBatch([{ type: 'draining' }], style('ndjson')).toString();
    expect(ndjson).toBe('{"type":"draining"}\n');
  });

  it('have the id 0 too', () => {
    expect(sseFrame('wake', '{}', 0)).toBe('event: wake\ndata: {}\nid: 0\n\n');
  });
});

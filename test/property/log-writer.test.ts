import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ExitStatus, AppendedEvent, StreamName } from '../../src/log/event.ts';
import { outputEventBytesMax, seqOf } from '../../src/log/event.ts';
import { LogWriter } from '../../src/log/writer.ts';

type Step =
  | { readonly kind: 'push'; readonly stream: StreamName; readonly chunk: Buffer }
  | { readonly kind: 'take' }
  | { readonly kind: 'release'; readonly stream: StreamName }
  | { readonly kind: 'end'; readonly stream: StreamName }
  | { readonly kind: 'exited' };

const streams = ['stdout', 'stderr', 'pty'] as const;
const status: ExitStatus = { exit_code: 1, signal: null, exit_reason: 'exited' };

const anyStream = fc.constantFrom(...streams);
const take = fc.record({ kind: fc.constant('take' as const) });

/** Bytes of any kind, mostly short, with the limits of an event and many UTF-8 leads. */
const anyBytes = fc
  .oneof(
    { weight: 6, arbitrary: fc.uint8Array({ maxLength: 12 }) },
    { weight: 4, arbitrary: fc.array(fc.integer({ min: 0x80, max: 0xff }), { maxLength: 6 }) },
    {
      weight: 4,
      arbitrary: fc.string({ unit: 'binary', maxLength: 6 }).map((s) => Buffer.from(s)),
    },
    {
      weight: 1,
      arbitrary: fc.record({ size: fc.integer({ min: 31_990, max: 96_010 }), fill: fc.nat(255) }),
    },
  )
  .map((made) =>
    'fill' in made && 'size' in made ? Buffer.alloc(made.size, made.fill) : Buffer.from(made),
  );

const anySteps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('push' as const),
        stream: anyStream,
        chunk: anyBytes,
      }),
    },
    { weight: 3, arbitrary: take },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('release' as const), stream: anyStream }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('end' as const), stream: anyStream }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('exited' as const) }) },
  ),
  { maxLength: 30 },
);

/** Runs the steps and the close; all events, and what went in for each stream. */
function run(steps: readonly Step[]): {
  events: AppendedEvent[];
  written: Map<StreamName, Buffer[]>;
} {
  const writer = new LogWriter();
  const written = new Map<StreamName, Buffer[]>(streams.map((name) => [name, []]));
  const events: AppendedEvent[] = [];
  let hasExited = false;
  for (const step of steps) {
    if (step.kind === 'push') {
      writer.push(step.stream, step.chunk);
      written.get(step.stream)?.push(step.chunk);
    } else if (step.kind === 'take') events.push(...writer.take());
    else if (step.kind === 'exited') {
      if (!hasExited) writer.exited(status);
      hasExited = true;
    } else writer[step.kind](step.stream);
  }
  if (!hasExited) writer.exited(status);
  writer.closed(status, false);
  events.push(...writer.take());
  return { events, written };
}

function outputOf(events: readonly AppendedEvent[], stream: StreamName): Buffer[] {
  return events.flatMap((event) =>
    event.type === 'output' && event.stream === stream ? [event.chunk] : [],
  );
}

test('each stream comes out as it went in, in dense numbers and events of allowed size', () => {
  fc.assert(
    fc.property(anySteps, (steps) => {
      const { events, written } = run(steps);
      for (const stream of streams) {
        const input = Buffer.concat(written.get(stream) ?? []);
        expect(Buffer.concat(outputOf(events, stream)).equals(input)).toBe(true);
      }
      expect(events.map(seqOf)).toEqual(events.map((_, index) => index + 1));
      const sizes = events.flatMap((event) => (event.type === 'output' ? event.chunk.length : []));
      expect(sizes.filter((size) => size < 1 || size > outputEventBytesMax)).toEqual([]);
      const controls = events.flatMap(({ type }) => (type === 'output' ? [] : [type]));
      expect(controls).toEqual(['exited', 'closed']);
      expect(events.at(-1)?.type).toBe('closed');
    }),
    { numRuns: 500 },
  );
});

test('valid UTF-8, however it is cut, leaves as events that are valid each', () => {
  const text = fc
    .array(fc.string({ unit: 'binary', maxLength: 8 }), { maxLength: 8 })
    .chain((parts) => fc.constantFrom(1, 4000).map((times) => parts.join('').repeat(times)));
  const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });
  const case_ = fc.record({ text, cuts, takes: fc.array(fc.boolean(), { maxLength: 12 }) });
  fc.assert(
    fc.property(
      case_,
      case_,
      ({ text: out, cuts: outCuts, takes }, { text: err, cuts: errCuts }) => {
        const pushes = (stream: StreamName, whole: string, at: readonly number[]): Step[] => {
          const bytes = Buffer.from(whole);
          const ends = [...at.map((part) => Math.round(part * bytes.length)), bytes.length];
          ends.sort((a, b) => a - b);
          return ends.map((end, index) => ({
            kind: 'push',
            stream,
            chunk: bytes.subarray(ends[index - 1] ?? 0, end),
          }));
        };
        const lines = [pushes('stdout', out, outCuts), pushes('stderr', err, errCuts)];
        const steps = Array.from({ length: 13 }, (_, turn) => [
          ...lines.flatMap((line) => line.slice(turn, turn + 1)),
          ...(takes[turn] === true ? [{ kind: 'take' } as const] : []),
        ]).flat();
        const { events } = run(steps);
        const chunks = streams.flatMap((stream) => outputOf(events, stream));
        expect(chunks.filter((chunk) => !isUtf8(chunk))).toEqual([]);
        expect(Buffer.concat(outputOf(events, 'stdout')).toString()).toBe(
          Buffer.from(out).toString(),
        );
        expect(Buffer.concat(outputOf(events, 'stderr')).toString()).toBe(
          Buffer.from(err).toString(),
        );
      },
    ),
    { numRuns: 300 },
  );
});

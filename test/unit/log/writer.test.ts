import { describe, expect, test } from 'vitest';
import type { AppendedEvent, ExitStatus, StreamName } from '../../../src/log/event.ts';
import { outputEventBytesMax, seqOf } from '../../../src/log/event.ts';
import { allocate } from '../../../src/log/memory.ts';
import { LogWriter } from '../../../src/log/writer.ts';

const success: ExitStatus = { exit_code: 0, signal: null, exit_reason: 'exited' };

/** Streams and texts of output events; other events by their type. */
function brief(events: readonly AppendedEvent[]): string[] {
  return events.map((event) =>
    event.type === 'output'
      ? `${event.seq} ${event.stream} ${event.chunk.toString()}`
      : `${seqOf(event)} ${event.type}`,
  );
}

function bytesOf(events: readonly AppendedEvent[]): Buffer {
  return Buffer.concat(events.flatMap((event) => (event.type === 'output' ? [event.chunk] : [])));
}

function sizesOf(events: readonly AppendedEvent[]): number[] {
  return events.map((event) => (event.type === 'output' ? event.chunk.length : 0));
}

function writerOf(...chunks: readonly (readonly [StreamName, string | Buffer])[]): LogWriter {
  const writer = new LogWriter();
  for (const [stream, chunk] of chunks) writer.push(stream, Buffer.from(chunk));
  return writer;
}

describe('merging', () => {
  test('neighbours of one stream become one event', () => {
    const writer = writerOf(['stdout', 'a'], ['stdout', 'b'], ['stdout', 'c']);
    expect(writer.take()).toEqual([
      { type: 'output', seq: 1, stream: 'stdout', chunk: Buffer.from('abc') },
    ]);
  });

  test('streams keep the order of their arrival and never merge across each other', () => {
    const writer = writerOf(
      ['stdout', 'a'],
      ['stderr', 'b'],
      ['stderr', 'c'],
      ['stdout', 'd'],
      ['pty', 'e'],
    );
    expect(brief(writer.take())).toEqual(['1 stdout a', '2 stderr bc', '3 stdout d', '4 pty e']);
  });

  test('what was taken merges with nothing that follows', () => {
    const writer = writerOf(['stdout', 'a']);
    writer.take();
    writer.push('stdout', Buffer.from('b'));
    expect(brief(writer.take())).toEqual(['2 stdout b']);
  });

  test('a single chunk is passed on without a copy', () => {
    const chunk = Buffer.from('a');
    const writer = new LogWriter();
    writer.push('stdout', chunk);
    const [event] = writer.take();
    expect(event?.type === 'output' && event.chunk.buffer === chunk.buffer).toBe(true);
  });

  test('large chunks that merge are given back, the event has their bytes', () => {
    const chunks = [allocate(20_000).fill('a'), allocate(20_000).fill('b')];
    const writer = new LogWriter();
    for (const chunk of chunks) writer.push('stdout', chunk);
    const events = writer.take();
    expect(bytesOf(events).toString()).toBe('a'.repeat(20_000) + 'b'.repeat(20_000));
    expect(chunks.map(({ length }) => length)).toEqual([0, 0]);
  });

  test('an empty chunk is no event and parts no neighbours', () => {
    const writer = writerOf(['stdout', 'a'], ['stderr', ''], ['stdout', 'b']);
    expect(writer.pendingBytes).toBe(2);
    expect(brief(writer.take())).toEqual(['1 stdout ab']);
    writer.push('stdout', Buffer.alloc(0));
    expect(writer.hasPending).toBe(false);
  });

  test('pending bytes are those that wait', () => {
    const writer = writerOf(['stdout', 'abc'], ['stderr', 'de']);
    expect([writer.pendingBytes, writer.hasPending]).toEqual([5, true]);
    writer.take();
    expect([writer.pendingBytes, writer.hasPending]).toEqual([0, false]);
    expect(writer.take()).toEqual([]);
  });
});

describe('splitting', () => {
  const max = outputEventBytesMax;

  test.each([
    [max - 1, [max - 1]],
    [max, [max]],
    [max + 1, [max, 1]],
    [2 * max, [max, max]],
    [3 * max, [max, max, max]],
    [3 * max + 5, [max, max, max, 5]],
  ])('%i bytes become events of %j', (length, sizes) => {
    const bytes = Buffer.alloc(length, 'abcdefg');
    const events = writerOf(['stdout', bytes]).take();
    expect(sizesOf(events)).toEqual(sizes);
    expect(events.map(seqOf)).toEqual(sizes.map((_, index) => index + 1));
    expect(bytesOf(events)).toEqual(bytes);
  });

  test.each([
    ['é', 1, max - 1],
    ['€', 1, max - 1],
    ['€', 2, max],
    ['😀', 1, max - 3],
    ['😀', 2, max - 2],
    ['😀', 3, max - 1],
  ])('text of %s after %i bytes is cut between characters', (character, before, cut) => {
    const text = 'x'.repeat(before) + character.repeat(max / 2);
    const events = writerOf(['stdout', text]).take();
    expect(events[0]?.type === 'output' && events[0].chunk.length).toBe(cut);
    expect(bytesOf(events).toString()).toBe(text);
  });

  test('small chunks that merge to more than an event are split', () => {
    const chunk = Buffer.alloc(1000, 'a');
    const writer = new LogWriter();
    for (let count = 0; count < 33; count += 1) writer.push('stdout', chunk);
    expect(sizesOf(writer.take())).toEqual([32_000, 1000]);
  });

  test('bytes that are no text are split at the limit', () => {
    expect(sizesOf(writerOf(['stdout', Buffer.alloc(max + 1, 0x80)]).take())).toEqual([max, 1]);
  });
});

describe('holding back', () => {
  const text = Buffer.from('\ufeffaé€😀z');

  test('at every point that divides a text no character is divided', () => {
    for (let at = 0; at <= text.length; at += 1) {
      const writer = writerOf(['stdout', text.subarray(0, at)]);
      const first = writer.take();
      writer.push('stdout', text.subarray(at));
      const second = writer.take();
      expect(bytesOf(first).toString() + bytesOf(second).toString()).toBe(text.toString());
      expect(bytesOf(first).length).toBeGreaterThan(at - 4);
      expect(writer.held).toEqual(new Map());
    }
  });

  test('bytes that come one by one leave as whole characters', () => {
    const writer = new LogWriter();
    const events = [...text].flatMap((byte) => {
      writer.push('stdout', Buffer.of(byte));
      return writer.take();
    });
    expect(brief(events)).toEqual([
      '1 stdout \ufeff',
      '2 stdout a',
      '3 stdout é',
      '4 stdout €',
      '5 stdout 😀',
      '6 stdout z',
    ]);
  });

  test('a lone begin of a character is held and makes no event', () => {
    const writer = writerOf(['stdout', Buffer.of(0xf0, 0x9f)]);
    expect(writer.take()).toEqual([]);
    expect(writer.held).toEqual(new Map([['stdout', Buffer.of(0xf0, 0x9f)]]));
    expect([writer.hasPending, writer.pendingBytes]).toEqual([false, 0]);
  });

  test('held bytes do not keep the chunk that they came in', () => {
    const chunk = Buffer.concat([Buffer.alloc(100_000, 'a'), Buffer.of(0xc3)]);
    const writer = new LogWriter();
    writer.push('stdout', chunk);
    writer.take();
    const held = writer.held.get('stdout');
    expect(held).toEqual(Buffer.of(0xc3));
    expect(held?.buffer).not.toBe(chunk.buffer);
  });

  test('each stream holds its own', () => {
    const writer = writerOf(['stdout', Buffer.of(0xc3)], ['stderr', Buffer.of(0xe2, 0x82)]);
    expect(writer.take()).toEqual([]);
    writer.push('stderr', Buffer.of(0xac));
    writer.push('stdout', Buffer.of(0xa9));
    expect(brief(writer.take())).toEqual(['1 stderr €', '2 stdout é']);
  });

  test.each([
    ['lone continuation bytes', [0x80, 0xbf]],
    ['an overlong lead', [0x61, 0xc0]],
    ['an overlong begin', [0xe0, 0x80]],
    ['a lead that no character has', [0xff]],
    ['NUL', [0]],
  ])('%s are not held', (_, bytes) => {
    const writer = writerOf(['stdout', Buffer.from(bytes)]);
    expect(bytesOf(writer.take())).toEqual(Buffer.from(bytes));
    expect(writer.held.size).toBe(0);
  });

  test('a character that goes on wrongly leaves with what follows', () => {
    const writer = writerOf(['stdout', Buffer.of(0xe2, 0x82)]);
    writer.take();
    writer.push('stdout', Buffer.from('A'));
    expect(bytesOf(writer.take())).toEqual(Buffer.of(0xe2, 0x82, 0x41));
  });

  test('released bytes leave with the next take', () => {
    const writer = writerOf(['stdout', Buffer.of(0x61, 0xe2)], ['stderr', Buffer.of(0xc3)]);
    writer.take();
    writer.release('stdout');
    expect(writer.hasPending).toBe(true);
    expect(writer.take()).toEqual([
      { type: 'output', seq: 2, stream: 'stdout', chunk: Buffer.of(0xe2) },
    ]);
    expect(writer.held).toEqual(new Map([['stderr', Buffer.of(0xc3)]]));
  });

  test('a release after the next bytes came does not divide what these begin', () => {
    const writer = writerOf(['stdout', Buffer.of(0xe2, 0x82)]);
    writer.take();
    writer.push('stdout', Buffer.of(0xac, 0xe2));
    writer.release('stdout');
    writer.push('stdout', Buffer.of(0x82, 0xac));
    expect(brief(writer.take())).toEqual(['1 stdout €€']);
  });

  test('what comes after a release is held on its own', () => {
    const writer = writerOf(['stdout', Buffer.of(0xe2)]);
    writer.take();
    writer.release('stdout');
    writer.push('stdout', Buffer.of(0xc3));
    expect(bytesOf(writer.take())).toEqual(Buffer.of(0xe2));
    expect(writer.held).toEqual(new Map([['stdout', Buffer.of(0xc3)]]));
  });

  test('the end of a stream lets go of what it holds, and of nothing else', () => {
    const writer = writerOf(['stdout', Buffer.of(0xe2)], ['stderr', Buffer.of(0xc3)]);
    writer.take();
    writer.end('stdout');
    expect(writer.take()).toEqual([
      { type: 'output', seq: 1, stream: 'stdout', chunk: Buffer.of(0xe2) },
    ]);
    expect([...writer.held.keys()]).toEqual(['stderr']);
  });

  test('nothing is held of a chunk that its end follows', () => {
    const writer = writerOf(['stdout', Buffer.of(0xe2)]);
    writer.end('stdout');
    expect(sizesOf(writer.take())).toEqual([1]);
    expect(writer.held.size).toBe(0);
  });

  test('the end of a stream that holds nothing is no event', () => {
    const writer = new LogWriter();
    writer.end('pty');
    expect(writer.take()).toEqual([]);
  });
});

describe('control events', () => {
  test('exit and close take their numbers among the output, in order', () => {
    const writer = writerOf(['stdout', 'a']);
    writer.exited(success);
    writer.push('stdout', Buffer.from('b'));
    writer.closed(success, false);
    expect(writer.take()).toEqual([
      { type: 'output', seq: 1, stream: 'stdout', chunk: Buffer.from('a') },
      { type: 'exited', seq: 2, ...success },
      { type: 'output', seq: 3, stream: 'stdout', chunk: Buffer.from('b') },
      { type: 'closed', seq: 4, ...success, output_incomplete: false },
    ]);
  });

  test('the exit leaves a divided character to what follows it', () => {
    const writer = writerOf(['stdout', Buffer.of(0xc3)]);
    writer.exited(success);
    writer.push('stdout', Buffer.of(0xa9));
    expect(brief(writer.take())).toEqual(['1 exited', '2 stdout é']);
  });

  test('the close comes after everything that was held back', () => {
    const writer = writerOf(
      ['stdout', Buffer.of(0xc3)],
      ['stderr', Buffer.of(0xe2)],
      ['pty', Buffer.of(0xf0)],
    );
    const killed = { exit_code: null, signal: 'SIGKILL', exit_reason: 'signaled' } as const;
    writer.exited(killed);
    writer.closed(killed, true);
    expect(writer.take()).toEqual([
      { type: 'exited', seq: 1, ...killed },
      { type: 'output', seq: 2, stream: 'stdout', chunk: Buffer.of(0xc3) },
      { type: 'output', seq: 3, stream: 'stderr', chunk: Buffer.of(0xe2) },
      { type: 'output', seq: 4, stream: 'pty', chunk: Buffer.of(0xf0) },
      { type: 'closed', seq: 5, ...killed, output_incomplete: true },
    ]);
  });
});

describe('what is lost', () => {
  test('is one gap with one number at its place, however many chunks of whatever stream', () => {
    const writer = writerOf(['stdout', 'a']);
    writer.lose('stdout', 5);
    writer.lose('stderr', 7);
    writer.push('stdout', Buffer.from('b'));
    expect(writer.take()).toEqual([
      { type: 'output', seq: 1, stream: 'stdout', chunk: Buffer.from('a') },
      { type: 'gap', from_seq: 2, to_seq: 2, bytes: 12 },
      { type: 'output', seq: 3, stream: 'stdout', chunk: Buffer.from('b') },
    ]);
  });

  test('comes after what each of its streams had held back', () => {
    const writer = writerOf(['stdout', Buffer.from([0xe2, 0x82])]);
    expect(writer.take()).toEqual([]);
    writer.lose('stderr', 7);
    writer.lose('stdout', 5);
    writer.push('stdout', Buffer.from([0xac, 0x62]));
    expect(writer.take()).toEqual([
      { type: 'output', seq: 1, stream: 'stdout', chunk: Buffer.from([0xe2, 0x82]) },
      { type: 'gap', from_seq: 2, to_seq: 2, bytes: 12 },
      { type: 'output', seq: 3, stream: 'stdout', chunk: Buffer.from([0xac, 0x62]) },
    ]);
  });
});

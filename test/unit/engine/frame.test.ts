import { constants } from 'node:os';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { decodeFrame, encodeFrame, frameBytes } from '../../../src/engine/files/logs/frame.ts';
import type { AppendedEvent, ExitStatus, LogEvent } from '../../../src/log/event.ts';
import { output, success } from './fixtures.ts';

function encoded(event: AppendedEvent): Buffer {
  const frame = Buffer.alloc(frameBytes(event), 0xaa);
  encodeFrame(frame, 0, event);
  return frame;
}

function throughFrame(event: AppendedEvent): AppendedEvent | null {
  return decodeFrame(encoded(event), 0);
}

function bothControls(status: ExitStatus): LogEvent[] {
  return [
    { type: 'exited', seq: 3, ...status },
    { type: 'closed', seq: 4, ...status, output_incomplete: false },
    { type: 'closed', seq: 5, ...status, output_incomplete: true },
  ];
}

/** Flaws a header and makes its checksum right again. */
function withByte(frame: Buffer, at: number, value: number): Buffer {
  frame.writeUInt8(value, at);
  frame.writeUInt32LE(crc32(frame.subarray(8)), 4);
  return frame;
}

describe('a frame', () => {
  test.each(['stdout', 'stderr', 'pty'] as const)('keeps any bytes of %s', (stream) => {
    const chunk = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const event: LogEvent = { type: 'output', seq: 7, stream, chunk };
    expect(throughFrame(event)).toEqual(event);
  });

  test('keeps the smallest and the largest chunk', () => {
    for (const length of [1, 32_000]) {
      expect(throughFrame(output(1, length))).toEqual(output(1, length));
    }
  });

  test('keeps every seq up to 2^53 - 1', () => {
    for (const seq of [1, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      expect(throughFrame(output(seq, 1))).toEqual(output(seq, 1));
    }
  });

  test('keeps every exit code', () => {
    const codes = [...Array.from({ length: 256 }, (_, code) => code), -1, 2 ** 31 - 1, -(2 ** 31)];
    for (const exit_code of codes) {
      for (const event of bothControls({ ...success, exit_code })) {
        expect(throughFrame(event)).toEqual(event);
      }
    }
  });

  test('keeps every signal of the system', () => {
    const aliases = new Set(['SIGIOT', 'SIGPOLL']);
    const names = Object.keys(constants.signals).filter((name) => !aliases.has(name));
    for (const signal of names) {
      for (const event of bothControls({ exit_code: null, signal, exit_reason: 'signaled' })) {
        expect(throughFrame(event)).toEqual(event);
      }
    }
  });

  test('keeps every real-time signal', () => {
    for (let place = 0; place <= 30; place += 1) {
      const signal = `SIGRTMIN+${place}`;
      const event: LogEvent = { ...success, type: 'exited', seq: 1, exit_code: null, signal };
      expect(throughFrame(event)).toEqual(event);
      expect(encoded(event).readUInt8(18)).toBe(34 + place);
    }
  });

  test('keeps every reason, and an exit of which neither code nor signal is known', () => {
    for (const exit_reason of [
      'exited',
      'signaled',
      'timeout',
      'terminated',
      'server_shutdown',
    ] as const) {
      for (const event of bothControls({ exit_code: null, signal: null, exit_reason })) {
        expect(throughFrame(event)).toEqual(event);
      }
    }
  });

  test('refuses what is not the name of a signal', () => {
    const event: LogEvent = { ...success, type: 'exited', seq: 1, signal: 'SIGNONE' };
    expect(() => encoded(event)).toThrow('expected the name of a signal, got SIGNONE');
  });

  test('has the bytes that older logs have', () => {
    const hi: LogEvent = { type: 'output', seq: 258, stream: 'stderr', chunk: Buffer.from('hi') };
    const end: LogEvent = {
      type: 'closed',
      seq: 2,
      exit_code: -2,
      signal: 'SIGKILL',
      exit_reason: 'terminated',
      output_incomplete: true,
    };
    expect(encoded(hi).toString('hex')).toBe(
      '02000000' + 'e387d678' + '0201000000000000' + '02000000' + '00000000' + '6869',
    );
    expect(encoded(end).toString('hex')).toBe(
      '00000000' + '1f8e9c24' + '0200000000000000' + '05040907' + 'feffffff',
    );
  });
});

describe('decoding', () => {
  test('finds a frame anywhere in a block and shares its memory', () => {
    const block = Buffer.alloc(100);
    const end = encodeFrame(block, 10, output(5, 3));
    expect(end).toBe(37);
    const event = decodeFrame(block, 10);
    expect(event).toEqual(output(5, 3));
    expect(event?.type === 'output' && event.chunk.buffer === block.buffer).toBe(true);
  });

  test('finds nothing in a frame that is cut anywhere', () => {
    const frame = encoded(output(9, 40));
    for (let length = 0; length < frame.length; length += 1) {
      expect(decodeFrame(frame.subarray(0, length), 0)).toBeNull();
    }
  });

  test('finds nothing in a frame of which any one bit is wrong', () => {
    for (const event of [output(9, 40), ...bothControls(success)]) {
      for (let bit = 0; bit < frameBytes(event) * 8; bit += 1) {
        const frame = encoded(event);
        frame.writeUInt8(frame.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        expect(decodeFrame(frame, 0)).toBeNull();
      }
    }
  });

  test('finds nothing in zeros', () => {
    expect(decodeFrame(Buffer.alloc(64), 0)).toBeNull();
  });

  test('finds nothing in kinds and reasons that it does not know', () => {
    const exit: LogEvent = { type: 'exited', seq: 1, ...success };
    for (const kind of [0, 7, 255])
      expect(decodeFrame(withByte(encoded(exit), 16, kind), 0)).toBeNull();
    for (const reason of [0, 6, 255])
      expect(decodeFrame(withByte(encoded(exit), 17, reason), 0)).toBeNull();
  });

  test('names a signal by its number when the system has no name for it', () => {
    const killed: LogEvent = { ...success, type: 'exited', seq: 1, signal: 'SIGKILL' };
    expect(decodeFrame(withByte(encoded(killed), 18, 33), 0)).toEqual({
      ...killed,
      signal: 'SIG33',
    });
  });
});

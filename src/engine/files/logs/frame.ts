import { crc32 } from 'node:zlib';
import type { AppendedEvent, ClosedEvent, ExitedEvent, ExitStatus } from '../../../log/event.ts';
import { outputEventBytesMax, payloadBytes, seqOf } from '../../../log/event.ts';
import { signalName, signalNumber } from '../../../signals.ts';

/** Bytes of a frame before its body, the same for every event. */
export const frameHeaderBytes = 24;

// Where the members of the header are; the checksum covers all that follows it and the body.
const crcAt = 4;
const seqAt = 8;
const kindAt = 16;
const reasonAt = 17;
const signalAt = 18;
const flagsAt = 19;
const exitCodeAt = 20;
// A gap has neither reason nor status there, but the number of the bytes that are missing.
const lostAt = 18;
const lostSize = 6;

// On disk a kind and a reason are their place here, counted from 1: append only.
const kinds = ['stdout', 'stderr', 'pty', 'exited', 'closed', 'gap'] as const;
const reasons = ['exited', 'signaled', 'timeout', 'terminated', 'server_shutdown'] as const;

const flag = { outputIncomplete: 1, exitCode: 2, signal: 4 } as const;

/** Most bytes of a frame. */
export const frameBytesMax = frameHeaderBytes + outputEventBytesMax;

/** Bytes that an event takes in a segment. */
export function frameBytes(event: AppendedEvent): number {
  return frameHeaderBytes + payloadBytes(event);
}

/** Writes the frame of an event at `offset` and returns where it ends. */
export function encodeFrame(target: Buffer, offset: number, event: AppendedEvent): number {
  const end = offset + frameBytes(event);
  const kind = event.type === 'output' ? event.stream : event.type;
  target.writeUInt32LE(payloadBytes(event), offset);
  target.writeBigUInt64LE(BigInt(seqOf(event)), offset + seqAt);
  target.fill(0, offset + kindAt, offset + frameHeaderBytes);
  target.writeUInt8(kinds.indexOf(kind) + 1, offset + kindAt);
  if (event.type === 'output') event.chunk.copy(target, offset + frameHeaderBytes);
  else if (event.type === 'gap') target.writeUIntLE(event.bytes, offset + lostAt, lostSize);
  else encodeStatus(target, offset, event);
  target.writeUInt32LE(crc32(target.subarray(offset + seqAt, end)), offset + crcAt);
  return end;
}

/**
 * The event whose frame begins at `offset`, or null when it is not there whole and intact.
 * A chunk shares the memory of `block`.
 */
export function decodeFrame(block: Buffer, offset: number): AppendedEvent | null {
  const bodyAt = offset + frameHeaderBytes;
  if (offset < 0 || bodyAt > block.length) return null;
  const end = bodyAt + block.readUInt32LE(offset);
  if (end > block.length) return null;
  const crc = crc32(block.subarray(offset + seqAt, end));
  if (crc !== block.readUInt32LE(offset + crcAt)) return null;
  const seq = Number(block.readBigUInt64LE(offset + seqAt));
  const kind = kinds[block.readUInt8(offset + kindAt) - 1];
  if (kind === undefined) return null;
  if (kind === 'exited' || kind === 'closed') return decodeControl(block, offset, { kind, seq });
  if (kind === 'gap') {
    const bytes = block.readUIntLE(offset + lostAt, lostSize);
    return { type: 'gap', from_seq: seq, to_seq: seq, bytes };
  }
  return { type: 'output', seq, stream: kind, chunk: block.subarray(bodyAt, end) };
}

/** Whether a frame with a seq between two others may begin here, at a look that costs little. */
export function mayBeFrame(
  block: Buffer,
  offset: number,
  { after, before }: { readonly after: number; readonly before: number },
): boolean {
  const kind = block.readUInt8(offset + kindAt);
  if (kind === 0 || kind > kinds.length) return false;
  if (block.readUInt32LE(offset) > outputEventBytesMax) return false;
  const seq = Number(block.readBigUInt64LE(offset + seqAt));
  return seq > after && seq < before;
}

function encodeStatus(target: Buffer, offset: number, event: ExitedEvent | ClosedEvent): void {
  const { exit_code, signal, exit_reason } = event;
  const isIncomplete = event.type === 'closed' && event.output_incomplete;
  const flags =
    (isIncomplete ? flag.outputIncomplete : 0) |
    (exit_code === null ? 0 : flag.exitCode) |
    (signal === null ? 0 : flag.signal);
  target.writeUInt8(reasons.indexOf(exit_reason) + 1, offset + reasonAt);
  target.writeUInt8(signal === null ? 0 : numberOf(signal), offset + signalAt);
  target.writeUInt8(flags, offset + flagsAt);
  target.writeInt32LE(exit_code ?? 0, offset + exitCodeAt);
}

function decodeControl(
  block: Buffer,
  offset: number,
  { kind, seq }: { readonly kind: 'exited' | 'closed'; readonly seq: number },
): ExitedEvent | ClosedEvent | null {
  const exit_reason = reasons[block.readUInt8(offset + reasonAt) - 1];
  if (exit_reason === undefined) return null;
  const flags = block.readUInt8(offset + flagsAt);
  const status: ExitStatus = {
    exit_code: (flags & flag.exitCode) === 0 ? null : block.readInt32LE(offset + exitCodeAt),
    signal: (flags & flag.signal) === 0 ? null : nameOf(block.readUInt8(offset + signalAt)),
    exit_reason,
  };
  if (kind === 'exited') return { type: kind, seq, ...status };
  return { type: kind, seq, ...status, output_incomplete: (flags & flag.outputIncomplete) !== 0 };
}

function numberOf(signal: string): number {
  const number = signalNumber(signal);
  if (number === undefined) throw new Error(`expected the name of a signal, got ${signal}`);
  return number;
}

function nameOf(number: number): string {
  return signalName(number) ?? `SIG${number}`;
}

import { expect } from 'vitest';
import type { AppendedEvent, StreamName } from '../../../src/log/event.ts';
import { Publisher } from '../../../src/replica/publisher.ts';
import type { Replica } from './fixtures.ts';
import { replicaOf } from './fixtures.ts';

/** A replica with the publisher of its one process. */
export interface Published extends Replica {
  readonly publisher: Publisher;
  /** The batches that were committed, as the hub's readers and `onCommit` saw them. */
  readonly batches: (readonly AppendedEvent[])[];
  readonly refusals: unknown[];
  /** How often the engine took what it had refused. */
  readonly accepted: { readonly count: number };
  /** Resolves when the log's newest seq is at least this. */
  readonly committed: (seq: number) => Promise<void>;
  /** Adds output, whether there is room or not. */
  readonly say: (stream: StreamName, chunk: string | readonly number[] | Buffer) => void;
}

/** A publisher over an engine in memory, and all that comes of it. */
export async function publish({ dropsOutput = false } = {}): Promise<Published> {
  const replica = await replicaOf();
  const batches: (readonly AppendedEvent[])[] = [];
  const refusals: unknown[] = [];
  const accepted = { count: 0 };
  const { engine, record, hub } = replica;
  const publisher = new Publisher({
    engine,
    record,
    hub,
    now: () => 1000,
    onCommit: (events, head) => {
      expect(head).toBe(hub.head);
      batches.push(events);
    },
    onRefused: (error) => refusals.push(error),
    onAccepted: () => {
      accepted.count += 1;
    },
    dropsOutput,
  });
  const committed = async (seq: number): Promise<void> => {
    while (hub.head.last_seq < seq) await hub.wait(20_000).promise;
  };
  const say: Published['say'] = (stream, chunk) => {
    void publisher.output(stream, bufferOf(chunk));
  };
  return { ...replica, publisher, batches, refusals, accepted, committed, say };
}

/** Texts of output and types of other events, with bars between them. */
export function textOf(events: readonly AppendedEvent[]): string {
  return events
    .map((event) => (event.type === 'output' ? event.chunk.toString() : event.type))
    .join('|');
}

function bufferOf(bytes: string | readonly number[] | Buffer): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  return typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes);
}

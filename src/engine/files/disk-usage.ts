import type { ProcessKey } from '../engine.ts';
import type { LogLayout } from './logs/layout.ts';
import { fileBytesOf } from './logs/layout.ts';

interface Usage {
  readonly name: ProcessKey;
  readonly bytes: number;
  readonly layout: LogLayout;
  readonly isOver: boolean;
}

interface QueuedSegment {
  readonly incarnation: string;
  readonly first_seq: number;
}

/** What the files of all logs take on the disk, and which segment of all is the oldest. */
export class DiskUsage {
  readonly #logs = new Map<string, Usage>();
  #queue: QueuedSegment[] = [];
  #bytes = 0;

  /** Bytes of all segments and indexes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes what a log has now. */
  update(name: ProcessKey, layout: LogLayout, isOver: boolean): void {
    const { incarnation } = name;
    const known = this.#logs.get(incarnation);
    const newest = known?.layout.segments.at(-1)?.first_seq ?? 0;
    for (const { first_seq } of layout.segments) {
      if (first_seq > newest) this.#queue.push({ incarnation, first_seq });
    }
    const bytes = fileBytesOf(layout);
    this.#bytes += bytes - (known?.bytes ?? 0);
    this.#logs.set(incarnation, { name, bytes, layout, isOver });
  }

  /** The files of a log are gone. */
  forget(incarnation: string): void {
    this.#bytes -= this.#logs.get(incarnation)?.bytes ?? 0;
    this.#logs.delete(incarnation);
  }

  /**
   * The log with the oldest segment that may be evicted: never the last of one still written, and
   * none of those that are held.
   */
  oldest(held: ReadonlySet<string>): ProcessKey | null {
    this.#queue = this.#queue.filter((segment) => this.#isThere(segment));
    const found = this.#queue.find(
      (segment) => !held.has(segment.incarnation) && this.#isEvictable(segment),
    );
    return found === undefined ? null : (this.#logs.get(found.incarnation)?.name ?? null);
  }

  #isThere({ incarnation, first_seq }: QueuedSegment): boolean {
    const oldest = this.#logs.get(incarnation)?.layout.segments[0]?.first_seq;
    return oldest !== undefined && oldest <= first_seq;
  }

  #isEvictable({ incarnation }: QueuedSegment): boolean {
    const usage = this.#logs.get(incarnation);
    return usage !== undefined && (usage.isOver || usage.layout.segments.length > 1);
  }
}

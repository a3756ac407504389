/** Bounds of the replay, the recent part of a log that an event stream may start from. */
export interface ReplayBounds {
  readonly eventsMax: number;
  readonly bytesMax: number;
}

/**
 * Finds the first seq of the replay as the log grows. Holds one number per event of the
 * replay, never the events. The newest event is always inside, however large it is.
 */
export class ReplayWindow {
  readonly #bounds: ReplayBounds;
  #sizes: number[] = [];
  #head = 0;
  #bytes = 0;
  #firstSeq: number;

  constructor(bounds: ReplayBounds, firstSeq = 1) {
    this.#bounds = bounds;
    this.#firstSeq = firstSeq;
  }

  /** The oldest seq inside; one past the log while it is empty. */
  get firstSeq(): number {
    return this.#firstSeq;
  }

  /** Takes the size of the next event of the log, in bytes of output. */
  push(bytes: number): void {
    this.#sizes.push(bytes);
    this.#bytes += bytes;
    while (this.#isOver()) this.#dropOldest();
    this.#compact();
  }

  #isOver(): boolean {
    const events = this.#sizes.length - this.#head;
    if (events <= 1) return false;
    return events > this.#bounds.eventsMax || this.#bytes > this.#bounds.bytesMax;
  }

  #dropOldest(): void {
    this.#bytes -= this.#sizes[this.#head] ?? 0;
    this.#head += 1;
    this.#firstSeq += 1;
  }

  #compact(): void {
    if (this.#head < 1024 || this.#head * 2 < this.#sizes.length) return;
    this.#sizes = this.#sizes.slice(this.#head);
    this.#head = 0;
  }
}

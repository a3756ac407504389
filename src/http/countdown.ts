/** How many slices a time has. */
const slices = 4;

/** A slice that took so much longer than it should came late; timers are a little late anyway. */
const lateFactor = 1.5;
const lateMs = 10;

/**
 * A time that runs out only while this process runs. When it was stopped, timers that are due
 * run before anything is read, so a single one would accuse who has long done his part. The
 * time is counted in slices, and begins again after one that came late.
 */
export class Countdown {
  /** After so long {@link tick} is to be called, each time. */
  readonly sliceMs: number;
  #left = slices;
  #tickedAt = performance.now();

  constructor(ms: number) {
    this.sliceMs = Math.ceil(ms / slices);
  }

  restart(): void {
    this.#left = slices;
    this.#tickedAt = performance.now();
  }

  /** A slice is over. True when all of them are. */
  tick(): boolean {
    const now = performance.now();
    const isLate = now - this.#tickedAt > lateFactor * this.sliceMs + lateMs;
    this.#tickedAt = now;
    this.#left = isLate ? slices : this.#left - 1;
    return this.#left <= 0;
  }
}

/** Calls back once the time has run out; the function that it returns prevents that. */
export function countDown(ms: number, onEnd: () => void): () => void {
  const countdown = new Countdown(ms);
  const timer = setInterval(() => {
    if (!countdown.tick()) return;
    clearInterval(timer);
    onEnd();
  }, countdown.sliceMs);
  return () => {
    clearInterval(timer);
  };
}

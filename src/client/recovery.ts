import { ProcessionError } from '../errors.ts';
import { pause } from './abort.ts';

/** How long and how often to try again. */
export interface RecoveryLimits {
  /** How long the server may be gone before the client gives up. */
  readonly recoverMs: number;
  /** Longest pause between two attempts, also when the server asks for a longer one. */
  readonly reconnectMsMax: number;
  /** Aborts with the client: no pause is longer. */
  readonly closed: AbortSignal;
}

/** The server gave no answer, or its answer was cut. Callers see `store_unavailable`. */
export class Disconnected extends ProcessionError {
  constructor(detail: string, cause: unknown) {
    const reason = cause instanceof Error ? `: ${cause.message}` : '';
    super('store_unavailable', detail + reason, { cause });
  }
}

/** Whether the same request may succeed soon: no answer, or a server that comes or goes. */
export function isPassing(error: unknown): error is ProcessionError {
  return error instanceof ProcessionError && passing.has(error.code);
}

const passing = new Set<string>(['store_unavailable', 'draining']);

/** The attempts of one call or stream to reach a server: when the next one is due. */
export class Recovery {
  readonly #limits: RecoveryLimits;
  #deadline: number | null = null;
  #attempts = 0;

  constructor(limits: RecoveryLimits) {
    this.#limits = limits;
  }

  /** The server is there: the next trouble counts from its own beginning. */
  restored(): void {
    this.#deadline = null;
    this.#attempts = 0;
  }

  /**
   * Waits for the time of the next attempt; false when there will be none, since the server
   * has been gone for too long. An abort ends the wait.
   */
  async pause(askedMs: number, signal?: AbortSignal): Promise<boolean> {
    const pauseMs = this.pauseMs(askedMs);
    if (pauseMs === null) return false;
    const { closed } = this.#limits;
    await pause(pauseMs, signal === undefined ? [closed] : [closed, signal]);
    return true;
  }

  /**
   * The pause before the next attempt, at least what the server asked for; null when the
   * server has been gone for too long. The last attempt comes at the very end of that time.
   */
  pauseMs(askedMs: number): number | null {
    const now = performance.now();
    const { recoverMs, reconnectMsMax } = this.#limits;
    this.#deadline ??= now + recoverMs;
    if (now >= this.#deadline) return null;
    const doubled = Math.min(firstPauseMs * 2 ** this.#attempts, lastPauseMs);
    this.#attempts += 1;
    const pauseMs = Math.max(askedMs, doubled * (0.5 + Math.random() / 2));
    return Math.min(pauseMs, reconnectMsMax, this.#deadline - now);
  }
}

const firstPauseMs = 100;
const lastPauseMs = 5000;

/**
 * Runs `attempt` until it gives a result, an error that stays, or the time for recovering is
 * over. `attempt` is to reject once the signal has aborted.
 */
export async function recovering<Result>(
  recovery: Recovery,
  attempt: () => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result> {
  for (;;) {
    try {
      const result = await attempt();
      recovery.restored();
      return result;
    } catch (error) {
      if (!isPassing(error) || signal?.aborted === true) throw error;
      if (!(await recovery.pause(0, signal))) throw error;
    }
  }
}

import { signalName } from '../../signals.ts';
import type { WaitStatus } from '../spawner.ts';
import type { Libc } from './libc.ts';

// See wait.h and signal.h of Linux; `siginfo_t` is that of its 64-bit systems.
const anyChild = 0;
const oneChild = 1;
const waitNoHang = 1;
const waitExited = 4;
const waitNoReap = 0x0100_0000;
const codeExited = 1;
const infoBytes = 128;
const infoCode = 8;
const infoPid = 16;
const infoStatus = 24;

/** A signal does not keep Node running, a timer does; how often it fires does not matter. */
const keepAliveMs = 60_000;

/**
 * Waits for the children of this process that Node does not know. One for the whole process,
 * since SIGCHLD is. What Node itself has started is left to Node; as PID 1, which inherits
 * whoever lost its parent, everybody else is reaped too.
 */
export class Reaper {
  readonly #libc: Libc;
  readonly #isInit: boolean;
  readonly #info = Buffer.alloc(infoBytes);
  readonly #children = new Map<number, (status: WaitStatus) => void>();
  #keepAlive: NodeJS.Timeout | undefined;

  constructor(libc: Libc, isInit = process.pid === 1) {
    this.#libc = libc;
    this.#isInit = isInit;
    process.on('SIGCHLD', () => {
      this.#reap();
    });
  }

  /**
   * Resolves at the exit of a child that was started in this turn of the event loop. Until then
   * Node keeps running, as for its own children.
   */
  exitOf(pid: number): Promise<WaitStatus> {
    this.#keepAlive ??= setInterval(() => {
      this.#reap();
    }, keepAliveMs);
    return new Promise((resolve) => {
      this.#children.set(pid, resolve);
    });
  }

  /** One signal may stand for many exits. */
  #reap(): void {
    for (;;) {
      const pid = this.#firstZombie();
      if (pid === null) return;
      if (this.#children.has(pid) || this.#isInit) this.#take(pid);
      else {
        this.#takeAll();
        return;
      }
    }
  }

  /** A child of Node's own hides the others for a moment. */
  #takeAll(): void {
    for (const pid of this.#children.keys()) this.#take(pid);
  }

  #firstZombie(): number | null {
    const pid = this.#wait(anyChild, 0, waitNoReap);
    return pid === 0 ? null : pid;
  }

  #take(pid: number): void {
    if (this.#wait(oneChild, pid, 0) === 0) return;
    const settle = this.#children.get(pid);
    this.#children.delete(pid);
    if (this.#children.size === 0) {
      clearInterval(this.#keepAlive);
      this.#keepAlive = undefined;
    }
    settle?.(this.#status());
  }

  /** The pid of a child that has ended, 0 if there is none. */
  #wait(type: number, id: number, options: number): number {
    this.#info.writeInt32LE(0, infoPid);
    const result = this.#libc.waitid(type, id, this.#info, waitExited | waitNoHang | options);
    return result === 0 ? this.#info.readInt32LE(infoPid) : 0;
  }

  #status(): WaitStatus {
    const status = this.#info.readInt32LE(infoStatus);
    if (this.#info.readInt32LE(infoCode) === codeExited) {
      return { exit_code: status, signal: null };
    }
    return { exit_code: null, signal: signalName(status) ?? `SIG${status}` };
  }
}

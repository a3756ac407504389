import { constants } from 'node:os';
import { PassThrough } from 'node:stream';
import { onTestFinished, vi } from 'vitest';
import type {
  Child,
  ChildStdin,
  ChildTerminal,
  SpawnRequest,
  Spawner,
  WaitStatus,
} from '../../../src/process/spawner.ts';
import type { StreamName } from '../../../src/log/event.ts';
import { signalName } from '../../../src/signals.ts';

/** The input of a fake child, which somebody always reads. */
class FakeInput extends PassThrough implements ChildStdin {
  readonly stream = this;

  hasReader(): boolean {
    return !this.destroyed;
  }

  endOfFile(): null {
    return null;
  }
}

/** A child whose pipes, signals and exit the test plays. */
export class FakeChild implements Child {
  readonly pid: number;
  readonly request: SpawnRequest;
  readonly stdin: FakeInput | null;
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly outputs: ReadonlyMap<StreamName, PassThrough> = new Map([
    ['stdout', this.stdout],
    ['stderr', this.stderr],
  ]);
  readonly terminal: ChildTerminal | null = null;
  /** Signals as they came, SIGCONT left out, with a minus when they were for the group. */
  readonly signals: string[] = [];
  /** Signals that do not end it. */
  readonly ignored = new Set<string>();
  /** A descendant keeps the pipes open after the exit. */
  holdsPipes = false;
  isGone = false;
  readonly #exit = Promise.withResolvers<WaitStatus>();

  constructor(pid: number, request: SpawnRequest) {
    this.pid = pid;
    this.request = request;
    this.stdin = request.pipeStdin ? new FakeInput() : null;
  }

  get exit(): Promise<WaitStatus> {
    return this.#exit.promise;
  }

  /** Ends as a program does that returns. */
  exitWith(exit_code: number): void {
    this.#end({ exit_code, signal: null });
  }

  /** Ends as by a signal that nobody of the service sent. */
  dieOf(signal: string): void {
    this.#end({ exit_code: null, signal });
  }

  /** Closes what a descendant held. */
  closePipes(): void {
    this.stdout.end();
    this.stderr.end();
  }

  receive(number: number, isForGroup: boolean): void {
    const signal = signalName(number);
    if (signal === undefined || signal === 'SIGCONT') return;
    this.signals.push(isForGroup ? `-${signal}` : signal);
    if (signal === 'SIGKILL' || !this.ignored.has(signal)) this.dieOf(signal);
  }

  #end(status: WaitStatus): void {
    this.isGone = true;
    this.#exit.resolve(status);
    if (!this.holdsPipes) this.closePipes();
  }
}

/** Above the largest pid that Linux has. */
const pidFirst = 10_000_000;

/** Starts children that do not exist, and delivers the signals that are sent to them. */
export class FakeHost implements Spawner {
  readonly children: FakeChild[] = [];
  /** Awaited before each start; a rejection refuses it. */
  before: () => unknown = () => undefined;

  /** Takes the place of the operating system until the end of the test. */
  static install(): FakeHost {
    const host = new FakeHost();
    const kill = vi.spyOn(process, 'kill').mockImplementation((target, signal) => {
      host.#kill(target, typeof signal === 'number' ? signal : constants.signals.SIGTERM);
      return true;
    });
    onTestFinished(() => {
      for (const child of host.children) child.exitWith(0);
      kill.mockRestore();
    });
    return host;
  }

  async spawn(request: SpawnRequest): Promise<FakeChild> {
    await this.before();
    const child = new FakeChild(pidFirst + this.children.length, request);
    this.children.push(child);
    return child;
  }

  /** The child that was started last. */
  get last(): FakeChild {
    const child = this.children.at(-1);
    if (child === undefined) throw new Error('nothing was started');
    return child;
  }

  #kill(target: number, signal: number): void {
    const child = this.children.find(({ pid }) => pid === Math.abs(target));
    if (child === undefined || child.isGone) {
      throw Object.assign(new Error('kill ESRCH'), { code: 'ESRCH' });
    }
    child.receive(signal, target < 0);
  }
}

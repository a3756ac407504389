import type { ChildProcess } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { execa } from 'execa';
import { checkCwd } from './check-cwd.ts';
import { resolveCommand } from './resolve-command.ts';
import { spawnError } from './spawn-error.ts';
import { ProcessionError } from '../errors.ts';
import type { Child, ChildStdin, Spawner, SpawnRequest, WaitStatus } from './spawner.ts';

/**
 * Starts children with execa, on every POSIX system. Two things Node itself hides: a death
 * by a real-time signal looks like exit code 0, and the pipes are socket pairs, so a child
 * cannot open `/dev/stdout`. A script without `#!` is run by `/bin/sh`, as `execvp` does.
 */
export const execaSpawner: Spawner = {
  async spawn(request) {
    try {
      if (request.terminal !== null) throw noTerminal();
      checkCwd(request.cwd);
      const file = await resolveCommand(request);
      return await start(file, request);
    } catch (error) {
      throw spawnError(error, request);
    }
  },
};

async function start(file: string, request: SpawnRequest): Promise<Child> {
  const [command = '', ...args] = request.argv;
  const subprocess = execa(file, args, {
    argv0: request.arg0 ?? command,
    cwd: request.cwd,
    env: request.env,
    extendEnv: false,
    stdin: request.pipeStdin ? 'pipe' : 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    detached: true,
    buffer: false,
    reject: false,
    cleanup: false,
  });
  const child = subprocess.nodeChildProcess;
  const exit = waitForExit(child);
  await waitForStart(child, subprocess);
  return { ...piecesOf(child), exit };
}

/** Not execa's result: that one waits until everybody has let go of the pipes. */
function waitForExit(child: ChildProcess): Promise<WaitStatus> {
  return new Promise((resolve) => {
    child.once('exit', (exit_code, signal) => {
      resolve({ exit_code, signal });
    });
  });
}

/** What Node throws or cannot attach to the child comes as execa's result, which never rejects. */
function waitForStart(child: ChildProcess, result: Promise<{ cause?: unknown }>): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.on('error', reject);
    void result.then(({ cause }) => {
      reject(cause instanceof Error ? cause : new Error('The child did not start'));
    });
  });
}

function piecesOf(child: ChildProcess): Omit<Child, 'exit'> {
  const { pid, stdin, stdout, stderr } = child;
  if (pid === undefined || stdout === null || stderr === null) {
    throw new Error('A started child has a pid and both pipes');
  }
  return {
    pid,
    stdin: stdin && stdinOf(stdin),
    outputs: new Map([
      ['stdout', still(stdout)],
      ['stderr', still(stderr)],
    ]),
    terminal: null,
  };
}

/** A socket pair tells that its other side is closed, so the stream is destroyed by then. */
function stdinOf(stream: Writable): ChildStdin {
  return {
    stream: stream.on('error', ignore),
    hasReader: () => !stream.destroyed,
    endOfFile: () => null,
  };
}

/**
 * Keeps a stream from flowing until somebody listens to its data. Without a `readable` listener
 * execa would let it flow into nothing after a moment, and Node at the exit.
 */
function still(stream: Readable): Readable {
  stream.on('readable', ignore);
  stream.on('newListener', (event) => {
    if (event === 'data') stream.off('readable', ignore);
  });
  return stream.on('error', ignore);
}

function noTerminal(): ProcessionError {
  const detail = 'tty needs the spawner posix, and this service runs with execa';
  return new ProcessionError('unsupported', detail, { member: 'tty' });
}

function ignore(): void {
  // Whoever reads or writes meets the same event.
}

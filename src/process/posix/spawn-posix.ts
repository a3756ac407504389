import path from 'node:path';
import { checkCwd } from '../check-cwd.ts';
import { errnoOf } from '../errno.ts';
import { headOf } from '../head-of.ts';
import { resolveCommand } from '../resolve-command.ts';
import { spawnError } from '../spawn-error.ts';
import type { Child, Spawner, SpawnRequest } from '../spawner.ts';
import type { Libc } from './libc.ts';
import { openPipes } from './pipes.ts';
import type { PosixSpawn, Program } from './posix-spawn.ts';
import { posixSpawn } from './posix-spawn.ts';
import { Reaper } from './reaper.ts';
import { openTerminal } from './terminal.ts';

/**
 * Starts children as a shell does: real pipes or a terminal, nothing inherited by accident,
 * and the wait status as the kernel says it. Costs the same however large this process is.
 * There may be only one in a process.
 */
export function posixSpawner(libc: Libc): Spawner {
  const reaper = new Reaper(libc);
  const spawn = posixSpawn(libc);
  return {
    async spawn(request) {
      try {
        checkCwd(request.cwd);
        const file = await resolveCommand(request);
        refuseNul(request);
        return start({ libc, reaper, spawn }, file, request);
      } catch (error) {
        throw spawnError(error, request);
      }
    },
  };
}

interface Means {
  readonly libc: Libc;
  readonly reaper: Reaper;
  readonly spawn: PosixSpawn;
}

function start({ libc, reaper, spawn }: Means, file: string, request: SpawnRequest): Child {
  const { argv, arg0, env, cwd, pipeStdin, terminal } = request;
  const [command = '', ...args] = argv;
  const streams = terminal === null ? openPipes(libc, pipeStdin) : openTerminal(libc, terminal);
  const { descriptors } = streams;
  try {
    const program = { file, argv: [arg0 ?? command, ...args], env, cwd, descriptors };
    const pid = spawnOrInterpret(spawn, program);
    const exit = reaper.exitOf(pid);
    return { pid, exit, ...streams.keep(exit) };
  } catch (error) {
    streams.discard();
    throw error;
  }
}

/** As a shell does, takes a text without `#!` for a script of `/bin/sh`. */
function spawnOrInterpret(spawn: PosixSpawn, program: Program): number {
  try {
    return spawn(program);
  } catch (error) {
    if (errnoOf(error) !== 'ENOEXEC' || !isText(program)) throw error;
    const [arg0 = '', ...args] = program.argv;
    return spawn({ ...program, file: '/bin/sh', argv: [arg0, program.file, ...args] });
  }
}

/** A program of another architecture has a NUL in its head; see POSIX, `sh`. */
function isText({ file, cwd }: Program): boolean {
  return !headOf(path.resolve(cwd, file)).includes(0);
}

/** C would take what is before it for the whole. */
function refuseNul({ argv, arg0 = '', cwd, env }: SpawnRequest): void {
  const strings = [...argv, arg0, cwd, ...Object.keys(env), ...Object.values(env)];
  if (strings.some((string) => string.includes('\0'))) throw new TypeError('a string holds a NUL');
}

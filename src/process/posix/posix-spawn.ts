import type { Libc } from './libc.ts';
import { systemError } from './libc.ts';
import type { Descriptor } from './standard-streams.ts';

/** A program and all that it gets. */
export interface Program {
  /** Relative to `cwd` or absolute. */
  readonly file: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly descriptors: readonly Descriptor[];
}

// See spawn.h of glibc.
const setDefaultSignals = 0x04;
const setSignalMask = 0x08;
const setSession = 0x80;
/** More than any of the library's structures and sets takes. */
const structureBytes = 1024;

/**
 * Starts a program in a session of its own, with all signals at their defaults and none
 * blocked, and with no descriptor but the given ones. Returns its pid, or throws a system
 * error and nothing was started. Blocks until the program runs.
 */
export type PosixSpawn = (program: Program) => number;

/** Prepares what is the same for all programs. */
export function posixSpawn(libc: Libc): PosixSpawn {
  const attributes = Buffer.alloc(structureBytes);
  libc.initAttributes(attributes);
  libc.setFlags(attributes, setSession | setDefaultSignals | setSignalMask);
  libc.setDefaults(attributes, Buffer.alloc(structureBytes, 0xff));
  libc.setMask(attributes, Buffer.alloc(structureBytes));
  return ({ file, argv, env, cwd, descriptors }) => {
    const actions = Buffer.alloc(structureBytes);
    libc.initActions(actions);
    try {
      addDescriptors(libc, actions, descriptors);
      check(libc.addChdir(actions, cwd), 'chdir');
      const pid = [0];
      const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
      const strings = [...argv, null];
      check(libc.spawn(pid, file, actions, attributes, strings, [...variables, null]), 'spawn');
      return pid[0] ?? 0;
    } finally {
      libc.destroyActions(actions);
    }
  };
}

function addDescriptors(libc: Libc, actions: Buffer, descriptors: readonly Descriptor[]): void {
  for (const [number, descriptor] of descriptors.entries()) {
    const result =
      'fd' in descriptor
        ? libc.addDup(actions, descriptor.fd, number)
        : libc.addOpen(actions, number, descriptor.path, descriptor.flags, 0);
    check(result, 'descriptors');
  }
  check(libc.addCloseFrom(actions, descriptors.length), 'closefrom');
}

function check(errno: number, call: string): void {
  if (errno !== 0) throw systemError(errno, call);
}

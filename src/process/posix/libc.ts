import { getSystemErrorName } from 'node:util';

/**
 * The functions of the C library that Node has no words for, as C has them: structures and
 * sets are buffers, numbers are numbers. What C returns is returned.
 */
export type Libc = ReturnType<typeof declare>;

/** Loads the C library. Rejects where that is not glibc 2.34 or newer on Linux, or without koffi. */
export async function loadLibc(): Promise<Libc> {
  const { default: koffi } = await import('koffi');
  return declare(koffi.load('libc.so.6'), () => koffi.errno());
}

/** The part of koffi's library that is used. */
interface Library {
  func(definition: string): (...values: readonly unknown[]) => number;
}

function declare(library: Library, errno: () => number) {
  const declared = (definition: string) => library.func(definition);
  const strings = 'const char *path, void *actions, void *attributes, const char **argv';
  const pipe2 = declared('int pipe2(_Out_ int *ends, int flags)');
  return {
    /** What the last call that returned -1 failed with. */
    errno,
    pipe: (ends: number[], flags: number) => pipe2(ends, flags),
    spawn: declared(`int posix_spawn(_Out_ int *pid, ${strings}, const char **envp)`),
    initActions: declared('int posix_spawn_file_actions_init(void *actions)'),
    destroyActions: declared('int posix_spawn_file_actions_destroy(void *actions)'),
    addDup: declared('int posix_spawn_file_actions_adddup2(void *actions, int from, int to)'),
    addOpen: declared(
      'int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags, uint mode)',
    ),
    addCloseFrom: declared('int posix_spawn_file_actions_addclosefrom_np(void *actions, int from)'),
    addChdir: declared('int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)'),
    initAttributes: declared('int posix_spawnattr_init(void *attributes)'),
    setFlags: declared('int posix_spawnattr_setflags(void *attributes, short flags)'),
    setDefaults: declared('int posix_spawnattr_setsigdefault(void *attributes, void *signals)'),
    setMask: declared('int posix_spawnattr_setsigmask(void *attributes, void *signals)'),
    waitid: declared('int waitid(int type, uint id, void *info, int options)'),
    poll: declared('int poll(void *descriptors, ulong count, int ms)'),
    unlockTerminal: declared('int unlockpt(int master)'),
    ioctl: declared('int ioctl(int fd, ulong request, void *value)'),
    getAttributes: declared('int tcgetattr(int fd, void *attributes)'),
  };
}

/** The error of a system call, with the name that Node gives it. */
export function systemError(errno: number, call: string): Error {
  const code = getSystemErrorName(-errno);
  return Object.assign(new Error(`${call}: ${code}`), { code });
}

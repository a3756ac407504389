/** The variables of a program that runs behind wrappers, divided between them and it. */
export interface DividedEnvironment {
  /** What the first wrapper gets, and whoever comes after it. */
  readonly forWrappers: Readonly<Record<string, string>>;
  /** What `env` removes and sets, just before the program. */
  readonly unset: readonly string[];
  readonly set: Readonly<Record<string, string>>;
}

/** How to divide. */
interface Division {
  /** What wrappers get, instead of the caller's variables of these names. */
  readonly own: Readonly<Record<string, string>>;
  /** Whether a shell is among the wrappers: it adds variables. */
  readonly throughShell: boolean;
}

/**
 * Keeps from the wrappers what would steer them. Only that: what `env` sets is among its
 * arguments, which for a moment every user of the host can read, and a secret may be among
 * the others.
 */
export function divideEnvironment(
  env: Readonly<Record<string, string>>,
  { own, throughShell }: Division,
): DividedEnvironment {
  const entries = Object.entries(env);
  const harmless = entries.filter(([name]) => !steers(name));
  const late = entries.filter(([name, value]) => steers(name) && own[name] !== value);
  const added = [...Object.keys(own), ...(throughShell ? setByShells : [])];
  return {
    forWrappers: Object.fromEntries([...harmless, ...Object.entries(own)]),
    unset: added.filter((name) => !Object.hasOwn(env, name)),
    set: Object.fromEntries(late),
  };
}

/** A shell drops a variable that it could not name. */
function steers(name: string): boolean {
  return steering.has(name) || prefixes.test(name) || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
}

/** The loader, the allocator, shells, languages, and what sandboxes are made of or talk to. */
const prefixes =
  /^(LD_|MALLOC_|BASH|PYTHON|PERL|RUBY|GEM_|LUA_|JAVA_|JDK_|_JAVA|OPENSSL_|CONTAINER|DOCKER_|PODMAN_|DBUS_|SYSTEMD_|XDG_)/;

/** Variables that a shell exports though nobody gave them. */
const setByShells = ['PWD', 'OLDPWD', 'SHLVL', '_'];

const steering: ReadonlySet<string> = new Set([
  ...setByShells,
  // Where programs and their settings are looked for.
  'PATH',
  'HOME',
  // The C library; see ld.so(8) on what it withholds from programs with more privileges.
  'GLIBC_TUNABLES',
  'GCONV_PATH',
  'GETCONF_DIR',
  'HOSTALIASES',
  'LOCALDOMAIN',
  'LOCPATH',
  'NLSPATH',
  'POSIXLY_CORRECT',
  'RES_OPTIONS',
  'RESOLV_HOST_CONF',
  'TZDIR',
  // Shells.
  'CDPATH',
  'ENV',
  'EUID',
  'IFS',
  'LINENO',
  'OPTERR',
  'OPTIND',
  'PPID',
  'PS4',
  'SHELLOPTS',
  'UID',
  'NODE_OPTIONS',
  'NODE_PATH',
]);

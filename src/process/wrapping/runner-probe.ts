import type { ProcFacts } from './powers.ts';
import { powerFiles } from './powers.ts';
import { toolPaths } from './wrappers.ts';

/** How the probe must end and what it must be able to write, to the byte. */
export const probeExitCode = 37;
export const probeStderr = 'probe\r\n\u00ff';

/** Bytes that a terminal, a decoder or a log in between would change. */
const head = '\r\n\u0001\u00ff';
const end = '@end\n';

/** Characters that a shell or a list of words in between would change. */
const argument = ` a  'b' "c" $d \\e * `;

/**
 * A script that tells, behind a runner, what the kernel says of it. It reads the files
 * itself, since a command that it started could be elsewhere than it is.
 */
const script = String.raw`
printf '\r\n\001\377%s\n' "$1"
printf 'probe\r\n\377' >&2
shift
printf '@descriptors\n'
for link in /proc/self/fd/*; do [ -e "$link" ] && printf '%s ' "${'$'}{link##*/}"; done
printf '\n@pid_namespace\n'
if [ /proc/self/ns/pid -ef /proc/self/ns/pid_for_children ]; then readlink /proc/self/ns/pid 2>/dev/null; fi
printf '@net_namespace\n'
if [ -e /proc/self/ns/net ]; then readlink /proc/self/ns/net 2>/dev/null; fi
for file in net/dev ${powerFiles.join(' ')}; do
  printf '@%s\n' "$file"
  if [ -r "/proc/self/$file" ]; then
    while read -r line; do printf '%s\n' "$line"; done < "/proc/self/$file"
  fi
done
printf '@tools\n'
for tool; do [ -x "$tool" ] && printf '%s\n' "$tool"; done
printf '@end\n'
exit ${probeExitCode}
`;

/** The probe as a command. */
export const probeArgv: readonly string[] = ['/bin/sh', '-c', script, 'sh', argument, ...toolPaths];

/** What a probe has told, by the names of its sections; null: not to the byte as it was. */
export function factsOf(stdout: string): ProcFacts | null {
  const begin = `${head}${argument}\n`;
  if (!stdout.startsWith(begin) || !stdout.endsWith(end)) return null;
  const sections = stdout.slice(begin.length, -end.length).split(/^@/m).slice(1);
  return new Map(
    sections.map((section) => {
      const newline = section.indexOf('\n');
      return [section.slice(0, newline), section.slice(newline + 1).trim()];
    }),
  );
}

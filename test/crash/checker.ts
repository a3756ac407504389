import { agreement, density, extent, readers } from './check-log.ts';
import { exit, presence, repeat, state, told } from './check-state.ts';
import type { Evidence } from './evidence.ts';

/** Something that a crash must not have done. */
export interface Violation {
  readonly check: string;
  readonly key: string;
  readonly detail: string;
}

/** Every rule by its name: it says what breaks it. */
export const checks = {
  faults: ({ claim }) => claim.faults,
  presence,
  state,
  exit,
  told,
  repeat,
  density,
  extent,
  agreement,
  readers,
  diary,
  input,
  once,
} as const satisfies Readonly<Record<string, (evidence: Evidence) => readonly string[]>>;

/** All that is wrong with one process after a crash. */
export function violationsOf(evidence: Evidence): readonly Violation[] {
  return Object.entries(checks).flatMap(([check, look]) =>
    look(evidence).map((detail) => ({ check, key: evidence.claim.key, detail })),
  );
}

/** What is stored is what the child wrote, from the beginning or the end of the gap. */
function diary({ served, traces }: Evidence): readonly string[] {
  const { snapshot, paged } = served;
  if (snapshot === null || paged === null) return [];
  const evicted = paged.gaps[0]?.bytes ?? 0;
  const isWhole = snapshot.state === 'closed' && snapshot.exit_reason === 'exited';
  const names = new Set([...Object.keys(paged.output), ...Object.keys(traces.diary)]);
  return [...names].flatMap((name) => {
    const stored = paged.output[name] ?? Buffer.alloc(0);
    const written = traces.diary[name] ?? Buffer.alloc(0);
    // Whoever writes enough to lose some writes to one stream only.
    const start = stored.length === 0 ? 0 : evicted;
    const end = start + stored.length;
    if (!written.subarray(start, end).equals(stored)) return [`${name} is not what was written`];
    if (isWhole && end !== written.length) return [`${name} ends at ${end} of ${written.length}`];
    return [];
  });
}

/** What the child read is what was sent, once and in order, from the beginning. */
function input({ claim, served, traces }: Evidence): readonly string[] {
  if (claim.body.pipe_stdin !== true) return [];
  const sent = claim.sent.map((line) => `got ${line}\n`).join('');
  const got = traces.diary['stdout']?.toString() ?? '';
  if (!sent.startsWith(got)) return [`read ${JSON.stringify(got.slice(-100))}`];
  const isWhole = served.snapshot?.state === 'closed' && served.snapshot.exit_code === 0;
  return isWhole && got !== sent ? [`read only ${got.length} of ${sent.length} bytes`] : [];
}

/** No start ran twice, however often it was asked for. */
function once({ served, traces: { starts } }: Evidence): readonly string[] {
  const hasExited = served.snapshot?.exit_reason === 'exited';
  const isRight = starts === 1 || (starts === 0 && !hasExited);
  return isRight ? [] : [`it ran ${starts} times`];
}

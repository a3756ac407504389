import { setTimeout as sleep } from 'node:timers/promises';
import { actions } from './actions.ts';
import type { Sample, Watched } from './sample.ts';
import { settle, takeSample } from './sample.ts';
import { Visitor } from './visitor.ts';

/** How long, by how many clients at once, and how often it is looked. */
export interface SoakOptions {
  readonly durationMs: number;
  readonly intervalMs: number;
  readonly visitors: number;
  readonly onSample?: (sample: Sample) => void;
}

/** What came of a soak. */
export interface Soaked {
  /** Before anything was done. */
  readonly empty: Sample;
  /** After everything was done once and nothing was left of it. */
  readonly baseline: Sample;
  /** Under load. */
  readonly samples: readonly Sample[];
  /** After the load, when nothing was left of it or the patience was over. */
  readonly last: Sample;
  /** How many actions were done, and what went wrong in others. */
  readonly done: number;
  readonly failures: readonly string[];
}

/** Does to a service all that clients do, and looks whether it returns to what it was. */
export async function soak(watched: Watched, options: SoakOptions): Promise<Soaked> {
  const { durationMs, intervalMs, visitors, onSample } = options;
  const failures: string[] = [];
  const empty = await takeSample(watched);
  await visit(watched.url, { failures, isOver: (done) => done >= actions.length });
  const baseline = await settle(watched, isAtRest);
  const endsAt = performance.now() + durationMs;
  const isOver = (): boolean => performance.now() >= endsAt;
  const visiting = Array.from({ length: visitors }, (_, index) =>
    visit(watched.url, { failures, isOver, first: index * 3 }),
  );
  const samples: Sample[] = [];
  while (!isOver()) {
    await sleep(Math.min(intervalMs, Math.max(0, endsAt - performance.now())));
    const sample = await takeSample(watched);
    samples.push(sample);
    onSample?.(sample);
  }
  const counts = await Promise.all(visiting);
  const last = await settle(watched, (now) => isBack(now, baseline));
  const done = counts.reduce((sum, count) => sum + count, 0);
  return { empty, baseline, samples, last, done, failures };
}

/** The figures that must return exactly. */
export const exactFigures = [
  'fds',
  'timers',
  'children',
  'zombies',
  'readers',
  'running',
  'listed',
  'files',
] as const;

function isBack(now: Sample, baseline: Sample): boolean {
  return exactFigures.every((name) => now[name] === baseline[name]);
}

/** Nothing is left to do, and nothing has changed since the last look. */
function isAtRest(now: Sample, before: Sample | null): boolean {
  const { readers, running, listed, children } = now;
  return readers + running + listed + children === 0 && before !== null && isBack(now, before);
}

interface Visit {
  readonly failures: string[];
  readonly isOver: (done: number) => boolean;
  /** Which action is the first. */
  readonly first?: number;
}

/** One client after the other, each for one action; says how many were done. */
async function visit(url: string, { failures, isOver, first = 0 }: Visit): Promise<number> {
  let done = 0;
  while (!isOver(done)) {
    const visitor = new Visitor(url);
    const action = actions[(first + done) % actions.length];
    try {
      await action?.(visitor);
    } catch (error) {
      failures.push(`${action?.name ?? ''}: ${String(error)}`);
    }
    visitor.leave();
    done += 1;
  }
  return done;
}

import path from 'node:path';
import type { StartBody } from './claim.ts';
import type { Form } from './readers.ts';
import { forms } from './readers.ts';
import { crashVariable, markOf } from './proc.ts';

/** What one child of a load is to do, and what is done to it. */
export interface Role {
  readonly key: string;
  readonly body: StartBody;
  /** Whether it writes more than a small bound keeps. */
  readonly isBig: boolean;
  readonly start: 'plainly' | 'twice' | 'streamed';
  readonly then: 'nothing' | 'feed' | 'terminate' | 'remove' | 'force';
  /** When it enters, after the load has begun. */
  readonly afterMs: number;
  /** How it is followed. */
  readonly readers: readonly Form[];
  /** Lines for its input. */
  readonly lines: number;
}

/** A life of a service in a campaign of kills. */
export interface Life {
  readonly campaign: string;
  /** Its number, from 1. */
  readonly number: number;
  /** Where the diaries are. */
  readonly diaries: string;
}

/** How long everybody of a load has, once it is asked to end. */
export const graceMs = 200;

/** Entrances are spread over this time. */
const entrancesMs = 150;

const diarist = path.join(import.meta.dirname, 'children/diarist.sh');

interface Kind extends Partial<Pick<Role, 'isBig' | 'start' | 'then'>> {
  readonly mode: 'lines' | 'tick' | 'big' | 'screen' | 'echo' | 'polite' | 'stubborn' | 'held';
  readonly code?: number;
  readonly count?: readonly [min: number, max: number];
  readonly isNameless?: boolean;
  /** Enters near the beginning, so that it has something to lose. */
  readonly isEarly?: boolean;
  readonly more?: Pick<StartBody, 'tty' | 'pipe_stdin'>;
}

const kinds: Readonly<Record<string, Kind>> = {
  short: { mode: 'lines', count: [1, 3] },
  failing: { mode: 'lines', count: [2, 9], code: 3, isNameless: true },
  writer: { mode: 'lines', count: [100, 900], isEarly: true },
  babbler: { mode: 'lines', count: [300, 900], isEarly: true },
  streamed: { mode: 'lines', count: [50, 300], start: 'streamed' },
  twice: { mode: 'lines', count: [5, 100], start: 'twice' },
  big: { mode: 'big', count: [20, 90], isBig: true },
  bigger: { mode: 'big', count: [60, 120], isBig: true, start: 'streamed' },
  echo: { mode: 'echo', more: { pipe_stdin: true }, then: 'feed' },
  screen: { mode: 'screen', count: [5, 200], more: { tty: true } },
  terminated: { mode: 'polite', then: 'terminate' },
  orphan: { mode: 'polite' },
  stubborn: { mode: 'stubborn' },
  resisting: { mode: 'stubborn', then: 'terminate' },
  held: { mode: 'held', code: 3 },
  removed: { mode: 'lines', count: [1, 20], then: 'remove' },
  forced: { mode: 'stubborn', then: 'force' },
};

/** One role of each kind; all that is random in them is drawn here, so that a seed fixes it. */
export function castOf(life: Life, random: () => number): readonly Role[] {
  return Object.entries(kinds).map(([name, kind]) => {
    const key = `${life.number}-${name}`;
    return {
      key,
      body: bodyOf(life, key, { ...kind, units: between(random, ...(kind.count ?? [0, 0])) }),
      isBig: kind.isBig ?? false,
      start: kind.start ?? 'plainly',
      then: kind.then ?? 'nothing',
      afterMs: random() * entrancesMs * (kind.isEarly === true ? 0.2 : 1),
      readers: forms.filter(() => random() < 0.55),
      lines: between(random, 2, 40),
    };
  });
}

/** The files of a diary begin with this. */
export function diaryOf({ diaries }: Pick<Life, 'diaries'>, key: string): string {
  return path.join(diaries, key);
}

/** A whole number from `min` to `max`. */
export function between(random: () => number, min: number, max: number): number {
  return min + Math.floor(random() * (max - min + 1));
}

/** A request for one child, which has so many units to write. */
export function bodyOf(
  life: Life,
  key: string,
  kind: Kind & { readonly units?: number },
): StartBody {
  const { mode, units = 0, code = 0, isNameless = false, more = {} } = kind;
  const diary = diaryOf(life, key);
  return {
    ...(isNameless ? {} : { process_id: `p-${key}` }),
    argv: ['/bin/sh', diarist, diary, mode, String(units), String(code)],
    env: { [crashVariable]: markOf(life.campaign, life.number, key) },
    labels: { life: String(life.number), key },
    grace_ms: graceMs,
    ...more,
  };
}

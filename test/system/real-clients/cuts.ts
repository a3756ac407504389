import { seededRandom } from '../../support/seeded-random.ts';

/** How one connection ends: after so many bytes of answers, or in a silence; by FIN or by RST. */
export interface Cut {
  readonly afterBytes: number;
  /** Whether the first silence of a stream ends it too, so that the reader returns in time. */
  readonly isAtSilence: boolean;
  readonly isReset: boolean;
}

/** The seed of this run; `REAL_CLIENTS_SEED` repeats another one. */
export function runSeed(): number {
  const asked = process.env['REAL_CLIENTS_SEED'];
  return asked === undefined ? Math.floor(Math.random() * 1_000_000) : Number(asked);
}

/**
 * Cuts mostly after up to 500 kB, one time in five within the first 400 bytes, and of the first
 * connections one in two already in a silence: on a slow machine there are many of these.
 */
export function randomCuts(seed: number): () => Cut {
  const random = seededRandom(seed);
  let connections = 0;
  return () => {
    connections += 1;
    return {
      afterBytes: Math.floor(random() * (random() < 0.2 ? 400 : 500_000)),
      isAtSilence: random() < 0.5 && connections <= 16,
      isReset: random() < 0.5,
    };
  };
}

/** Cuts half of the connections by FIN within the first 600 bytes, the others like the rest. */
export function headCuts(seed: number): () => Cut {
  const random = seededRandom(seed);
  const others = randomCuts(seed);
  return () => {
    if (random() < 0.5) return others();
    return { afterBytes: Math.floor(random() * 600), isAtSilence: false, isReset: false };
  };
}

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { seededRandom } from '../support/seeded-random.ts';
import { Archive } from './archive.ts';
import type { Life } from './cast.ts';
import { castOf } from './cast.ts';
import type { Violation } from './checker.ts';
import { violationsOf } from './checker.ts';
import type { ClaimBook } from './claim.ts';
import type { Evidence } from './evidence.ts';
import { KillableService } from './killable-service.ts';
import { play } from './load.ts';
import { drawMoment, textOf, Trigger } from './moment.ts';
import { killOrphans, orphansOf } from './orphans.ts';
import { findMarked, killMarked } from './proc.ts';
import { list, survey } from './survey.ts';

/** What a campaign has done and found. */
export interface Figures {
  kills: number;
  /** Of the kills, those while a service started on what a crash had left. */
  killsAtStart: number;
  processes: number;
  /** Of the processes, those that were running or were not known at the kill. */
  failed: number;
  events: number;
  /** Events that readers were given before the kill. */
  given: number;
  bytes: number;
  evicted: number;
  /** Checks of processes of earlier lives. */
  rechecks: number;
  /** Children that were to be ended by the next start. */
  orphans: number;
  readonly violations: (Violation & { readonly when: string })[];
}

/** Kills a service again and again over one data directory, and looks what is left each time. */
export class Campaign {
  readonly figures: Figures = { ...noFigures, violations: [] };
  readonly #directory = mkdtempSync(path.join(tmpdir(), 'procession-crash-'));
  readonly #name = path.basename(this.#directory);
  readonly #random: () => number;
  readonly #archive: Archive;
  #service: KillableService | null = null;
  #url = '';
  #life: Life;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#archive = new Archive(this.#random);
    const diaries = path.join(this.#directory, 'diaries');
    mkdirSync(diaries);
    this.#life = { campaign: this.#name, number: 0, diaries };
  }

  get #data(): string {
    return path.join(this.#directory, 'data');
  }

  /** One load, its kill, the restart, and the look at what is left. */
  async round(): Promise<void> {
    this.#service ??= await this.#begin();
    this.#life = { ...this.#life, number: this.#life.number + 1 };
    const life = this.#life;
    const moment = drawMoment(this.#random);
    const claims = await this.#loadAndKill(this.#service, new Trigger(moment, this.#kill));
    const orphans = findMarked(this.#name);
    this.figures.orphans += orphans.length;
    await this.#killAtStart();
    this.#service = await this.#begin();
    const listensAt = performance.now();
    const when = `kill ${this.figures.kills}, life ${life.number}, ${textOf(moment)}`;
    const evidence = await survey(this.#url, life, claims);
    this.#count(life, evidence);
    this.#blame(when, evidence.flatMap(violationsOf));
    this.#blame(when, await this.#strangers(life, claims));
    this.#blame(when, await orphansOf(life, evidence, listensAt));
    killOrphans(life);
    this.#blame(when, await this.#archive.recheck(this.#url, life));
    this.figures.rechecks = this.#archive.rechecks;
  }

  /** Ends the service and all that it or its predecessors left behind. */
  async close(): Promise<void> {
    this.#service?.kill();
    await this.#service?.gone();
    for (const marked of findMarked(this.#name)) killMarked(marked);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  readonly #kill = (): void => {
    this.#service?.kill();
  };

  async #begin(): Promise<KillableService> {
    const service = this.#spawn();
    this.#service = service;
    this.#url = await service.url();
    return service;
  }

  #spawn(): KillableService {
    const settings = { ...settingsOf(this.#life.number + 1), DATA_DIR: this.#data };
    return new KillableService(settings, this.#directory);
  }

  async #loadAndKill(service: KillableService, trigger: Trigger): Promise<readonly ClaimBook[]> {
    const stage = {
      url: this.#url,
      isSmall: isSmall(this.#life.number),
      onTold: trigger.onEvent,
      over: trigger.over,
    };
    const cast = castOf(this.#life, this.#random);
    const [claims] = await Promise.all([play(cast, stage), trigger.arm(this.#data)]);
    await service.gone();
    this.figures.kills += 1;
    return claims;
  }

  /** Kills the successor before it listens, sometimes, and perhaps its successor too. */
  async #killAtStart(): Promise<void> {
    while (this.#random() < 0.25) {
      this.#service = this.#spawn();
      const afterMs = this.#random() ** 2 * recoveryMsMax;
      await this.#service.killWhileStarting(this.#data, afterMs);
      this.figures.kills += 1;
      this.figures.killsAtStart += 1;
    }
  }

  #count(life: Life, evidence: readonly Evidence[]): void {
    const { figures } = this;
    for (const { claim, served } of evidence) {
      const events = served.paged?.events ?? [];
      figures.processes += 1;
      figures.failed += served.snapshot?.state === 'failed' ? 1 : 0;
      figures.events += events.length;
      figures.given += claim.seen.size;
      figures.bytes += events.reduce((sum, { bytes }) => sum + bytes, 0);
      figures.evicted += served.snapshot?.evicted_bytes ?? 0;
      this.#archive.add(life, served);
    }
  }

  /** Processes that are listed and that nobody has started. */
  async #strangers({ number }: Life, claims: readonly ClaimBook[]): Promise<readonly Violation[]> {
    const keys = new Set(claims.map(({ key }) => key));
    const listed = await list(this.#url, number);
    const strangers = listed.filter(({ labels }) => !keys.has(labels['key'] ?? ''));
    const detail = 'nobody has started it';
    return strangers.map(({ process_id: key }) => ({ check: 'presence', key, detail }));
  }

  #blame(when: string, violations: readonly Violation[]): void {
    this.figures.violations.push(...violations.map((violation) => ({ ...violation, when })));
  }
}

/** About as long as it takes from the first touch of the data directory to the open port. */
const recoveryMsMax = 300;

/** Every other life loses old output, and every other one only divides it into segments. */
function settingsOf(life: number): Readonly<Record<string, string | number>> {
  return {
    RETAINED_OUTPUT_BYTES_MAX: isSmall(life) ? 256 * 1024 : 4 * 1024 * 1024,
    RETENTION_MS: 86_400_000,
    TOMBSTONE_MS: 86_400_000,
    REPLICA_ID: 'crash',
    ORPHANS: 'terminate',
  };
}

function isSmall(life: number): boolean {
  return life % 2 === 0;
}

const noFigures = {
  kills: 0,
  killsAtStart: 0,
  processes: 0,
  failed: 0,
  events: 0,
  given: 0,
  bytes: 0,
  evicted: 0,
  rechecks: 0,
  orphans: 0,
};

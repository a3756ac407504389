import { constants } from 'node:fs';
import { dirname } from 'node:path';
import type { Lifecycle } from '../../log/lifecycle.ts';
import { isOver } from '../../log/lifecycle.ts';
import type { Disk } from './disk.ts';
import type { GrowingLog } from './logs/growing-log.ts';
import { GroupSync } from './group-sync.ts';

/**
 * When an append is to survive a loss of power: `exit`, the last one of a process, and with it
 * the whole log; `always`, each one, each start and each removal; `never`, when the system does it.
 */
export type FsyncPolicy = 'exit' | 'always' | 'never';

/** Forces to the disk what the policy asks for; all at once who ask at the same time. */
export class Durability {
  readonly #policy: FsyncPolicy;
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #journal: number;
  readonly #journalSync: GroupSync;
  /** Whether the names of the files in the directory are safe, and its own. */
  #hasNames = false;

  /** `journalPath`: the file in the data directory that SQLite appends its transactions to. */
  constructor(policy: FsyncPolicy, disk: Disk, journalPath: string) {
    this.#policy = policy;
    this.#disk = disk;
    this.#directory = dirname(journalPath);
    this.#journal = disk.open(journalPath, constants.O_RDONLY);
    this.#journalSync = new GroupSync(() => this.#syncJournal());
  }

  /** Resolves when a start or a removal is as safe as it must be. */
  async changed(): Promise<void> {
    if (this.#policy === 'always') await this.#journalSync.request();
  }

  /** Resolves when the files of a log are as safe as they must be; its row tells of them later. */
  async written(log: Pick<GrowingLog, 'sync'>, lifecycle: Lifecycle): Promise<void> {
    if (this.#includes(lifecycle)) await log.sync();
  }

  /** Resolves when the row is as safe. */
  async recorded(lifecycle: Lifecycle): Promise<void> {
    if (this.#includes(lifecycle)) await this.#journalSync.request();
  }

  /** Lets go of the journal. */
  close(): void {
    this.#disk.close(this.#journal);
  }

  async #syncJournal(): Promise<void> {
    await this.#disk.sync(this.#journal);
    if (this.#hasNames) return;
    await this.#disk.syncDirectory(this.#directory);
    await this.#disk.syncDirectory(dirname(this.#directory));
    this.#hasNames = true;
  }

  #includes(lifecycle: Lifecycle): boolean {
    return this.#policy === 'always' || (this.#policy === 'exit' && isOver(lifecycle));
  }
}

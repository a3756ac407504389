import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import type { Disk } from '../../../src/engine/files/disk.ts';
import { hostDisk } from '../../../src/engine/files/disk.ts';

/**
 * A disk below a page cache: it has what was synced, and loses the rest when its power fails. A name
 * is there when its directory was synced since it was made. What SQLite writes by itself it also
 * syncs by itself, but for its journal.
 */
export class PageCache implements Disk {
  /** What was called, in order: the call and the name of its file. */
  readonly calls: string[] = [];
  readonly #root: string;
  readonly #paths = new Map<number, string>();
  readonly #contents = new Map<string, Buffer>();
  readonly #names = new Map<string, ReadonlySet<string>>();
  #callsLeft: number;
  /** What SQLite had written to its file when the power failed. */
  #database: Buffer | null = null;

  /** After so many calls there is no power. */
  constructor(root: string, callsLeft = Infinity) {
    this.#root = root;
    this.#callsLeft = callsLeft;
  }

  /** Whether a call has met that. */
  get isOff(): boolean {
    return this.#database !== null;
  }

  open(path: string, flags: number): number {
    this.#call('open', path);
    const fd = hostDisk.open(path, flags);
    this.#paths.set(fd, path);
    return fd;
  }

  write(fd: number, bytes: Buffer, position: number): number {
    this.#call('write', this.#pathOf(fd));
    return hostDisk.write(fd, bytes, position);
  }

  truncate(fd: number, length: number): void {
    this.#call('truncate', this.#pathOf(fd));
    hostDisk.truncate(fd, length);
  }

  close(fd: number): void {
    hostDisk.close(fd);
  }

  async sync(fd: number): Promise<void> {
    const path = this.#pathOf(fd);
    this.#call('sync', path);
    const content = readFileSync(path);
    await Promise.resolve();
    this.#call('synced', path);
    this.#contents.set(path, content);
  }

  async syncDirectory(path: string): Promise<void> {
    this.#call('sync', path);
    const names = new Set(readdirSync(path));
    await Promise.resolve();
    this.#call('synced', path);
    this.#names.set(path, names);
  }

  makeDirectory(path: string): void {
    this.#call('mkdir', path);
    hostDisk.makeDirectory(path);
  }

  unlink(path: string): void {
    this.#call('unlink', path);
    hostDisk.unlink(path);
  }

  change<T>(statement: () => T): T {
    this.#call('change', 'metadata');
    return statement();
  }

  /** What is there when the power comes back. */
  restoreTo(target: string): void {
    mkdirSync(target, { recursive: true });
    if (this.#database !== null) writeFileSync(join(target, 'metadata.sqlite'), this.#database);
    for (const [path, content] of this.#contents) {
      if (!this.#isNamed(path)) continue;
      const copy = join(target, relative(this.#root, path));
      mkdirSync(dirname(copy), { recursive: true });
      writeFileSync(copy, content);
    }
  }

  /** Its name is in its directory, and so on up to the root. */
  #isNamed(path: string): boolean {
    if (path === this.#root) return true;
    const parent = dirname(path);
    const isThere = this.#names.get(parent)?.has(basename(path)) === true;
    return isThere && this.#isNamed(parent);
  }

  #pathOf(fd: number): string {
    return this.#paths.get(fd) ?? '';
  }

  #call(name: string, path: string): void {
    if (this.#callsLeft <= 0) {
      const path = join(this.#root, 'metadata.sqlite');
      if (existsSync(path)) this.#database ??= readFileSync(path);
      throw new Error('there is no power');
    }
    this.#callsLeft -= 1;
    this.calls.push(`${name} ${basename(path)}`);
  }
}

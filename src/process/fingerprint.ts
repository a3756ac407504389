import { createHash } from 'node:crypto';

/** Stands for a run of bytes that is not kept. */
export class Fingerprint {
  readonly #hash = createHash('sha256');
  #bytes = 0;

  /** How many bytes there were. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The same for the same bytes, however they were cut. */
  get digest(): string {
    return this.#hash.copy().digest('base64');
  }

  /** Appends. */
  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
  }
}

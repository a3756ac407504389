import type { Socket } from 'node:net';
import type { Cut } from './cuts.ts';
import type { ExchangeLog } from './exchange-log.ts';

/** The two sides of a connection, and who keeps account of it. */
export interface Ends {
  readonly reader: Socket;
  readonly service: Socket;
  readonly log: ExchangeLog;
  readonly cuts: { fin: number; rst: number };
  readonly nextCut: () => Cut | null;
  /** Whether a FIN may cut a head. */
  readonly headsByFin: boolean;
}

const silenceMs = 15;
const lastChunk = Buffer.from('0\r\n\r\n');

/** One connection of a reader through a proxy, which may cut it or hold it. */
export class Connection {
  readonly #ends: Ends;
  #silence: NodeJS.Timeout | undefined;
  #cut: Cut | null = null;
  #left = Number.POSITIVE_INFINITY;
  #isHeld = false;

  constructor(ends: Ends) {
    const { reader, service, log } = ends;
    const scan = log.answers();
    let isStream = false;
    this.#ends = ends;
    reader.on('data', (bytes) => {
      clearTimeout(this.#silence);
      isStream = log.sawRequest(bytes);
      if (isStream) this.#plan();
      service.write(bytes);
    });
    service.on('data', (bytes) => {
      if (isStream && scan.saw(bytes).includes(204)) this.#spare();
      this.#forward(soonerRetry(bytes));
    });
    reader.on('drain', () => {
      if (!this.#isHeld) service.resume();
    });
    reader.on('close', () => {
      clearTimeout(this.#silence);
    });
    for (const [one, other] of [
      [reader, service],
      [service, reader],
    ] as const) {
      one.on('error', () => {
        other.destroy();
      });
      one.on('end', () => {
        other.end();
      });
      one.on('close', () => {
        other.destroySoon();
      });
    }
  }

  /** Takes no more bytes of the service. */
  hold(): void {
    this.#isHeld = true;
    this.#ends.service.pause();
  }

  release(): void {
    this.#isHeld = false;
    this.#ends.service.resume();
  }

  /** Sends a few more bytes and ends. */
  cut(lastBytes: Buffer, isReset: boolean): void {
    const { reader, service, cuts } = this.#ends;
    clearTimeout(this.#silence);
    cuts[isReset ? 'rst' : 'fin'] += 1;
    reader.removeAllListeners('data').resume();
    service.removeAllListeners().on('error', ignore).destroy();
    if (!isReset) {
      reader.end(lastBytes);
      return;
    }
    reader.write(lastBytes, () => {
      reader.resetAndDestroy();
    });
  }

  destroy(): void {
    clearTimeout(this.#silence);
    this.#ends.reader.destroy();
    this.#ends.service.destroy();
  }

  #plan(): void {
    if (this.#cut !== null) return;
    this.#cut = this.#ends.nextCut();
    if (this.#cut !== null) this.#left = this.#cut.afterBytes;
  }

  #spare(): void {
    this.#left = Number.POSITIVE_INFINITY;
    this.#cut = { afterBytes: this.#left, isAtSilence: false, isReset: false };
  }

  #forward(bytes: Buffer): void {
    const { reader, service } = this.#ends;
    if (bytes.length > this.#left) {
      const isReset = this.#cut?.isReset === true || this.#isCutInHead(bytes);
      this.cut(bytes.subarray(0, this.#left), isReset);
      return;
    }
    this.#left -= bytes.length;
    if (!reader.write(bytes)) service.pause();
    this.#watchSilence(bytes);
  }

  /** The service sends a head in one piece. */
  #isCutInHead(bytes: Buffer): boolean {
    if (this.#ends.headsByFin || this.#left === 0) return false;
    return bytes.indexOf('HTTP/1.1 ') === 0 && this.#left < bytes.indexOf('\r\n\r\n') + 4;
  }

  #watchSilence(bytes: Buffer): void {
    clearTimeout(this.#silence);
    const isOver = bytes.subarray(-lastChunk.length).equals(lastChunk);
    if (isOver || this.#cut?.isAtSilence !== true) return;
    const { isReset } = this.#cut;
    this.#silence = setTimeout(() => {
      this.cut(Buffer.alloc(0), isReset);
    }, silenceMs);
  }
}

/** Whatever becomes of a connection that was cut. */
function ignore(): void {
  // Both ends are told by the cut itself.
}

function soonerRetry(bytes: Buffer): Buffer {
  const at = bytes.indexOf('retry: 2000\n');
  if (at !== -1) bytes.write('retry: 0020', at);
  return bytes;
}

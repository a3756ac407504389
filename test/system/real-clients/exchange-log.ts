/** A request for a stream as it passed. */
export interface SeenRequest {
  readonly path: string;
  readonly lastEventId: string | null;
}

/** Reads along on the connections of one reader: what it asked for and how it was answered. */
export class ExchangeLog {
  readonly requests: SeenRequest[] = [];
  readonly statuses: Record<string, number> = {};
  lagged = 0;

  /** Takes bytes of a reader; every client sends a request in one piece. True for a stream. */
  sawRequest(bytes: Buffer): boolean {
    const text = bytes.toString('latin1');
    const [, path] = /^GET (\/processes\/\S+) HTTP/.exec(text) ?? [];
    if (path === undefined) return false;
    const [, lastEventId = null] = /^last-event-id: *(\S+)\r$/im.exec(text) ?? [];
    this.requests.push({ path, lastEventId });
    return true;
  }

  /** A new reading place for the answers to streams on one connection. */
  answers(): AnswerScan {
    return new AnswerScan(this);
  }

  count(status: number): void {
    this.statuses[status] = (this.statuses[status] ?? 0) + 1;
  }

  /** How many requests there were with this cursor. */
  requestsAt(seq: number): number {
    return this.requests.filter(({ lastEventId }) => lastEventId === String(seq)).length;
  }
}

/** Longest beginning of a mark that can be at the end of a piece. */
const carryMax = 'event: lagged'.length;

class AnswerScan {
  readonly #log: ExchangeLog;
  #carry = '';

  constructor(log: ExchangeLog) {
    this.#log = log;
  }

  /** Takes bytes of the service; returns the statuses that began in them. */
  saw(bytes: Buffer): readonly number[] {
    const text = this.#carry + bytes.toString('latin1');
    const statuses: number[] = [];
    let end = 0;
    for (const match of text.matchAll(/HTTP\/1\.1 (\d{3}) |event: lagged\n/g)) {
      end = match.index + match[0].length;
      if (match[1] === undefined) this.#log.lagged += 1;
      else statuses.push(Number(match[1]));
    }
    this.#carry = text.slice(Math.max(end, text.length - carryMax));
    for (const status of statuses) this.#log.count(status);
    return statuses;
  }
}

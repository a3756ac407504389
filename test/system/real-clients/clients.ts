import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { EventSource as NpmEventSource } from 'eventsource';
import type { Browser } from 'playwright-core';
import { EventSource as UndiciEventSource } from 'undici';
import type { GivenEvent, Reading } from './reading.ts';
import { eventNames } from './reading.ts';

/** Follows a stream to its end with a program that other people wrote. */
export type RealClient = (url: string, reading: Reading) => Promise<void>;

/** npm `eventsource`. */
export const npmEventSource: RealClient = (url, reading) =>
  untilClosed(new NpmEventSource(url), reading);

/** The `EventSource` of undici. */
export const undiciEventSource: RealClient = (url, reading) =>
  untilClosed(new UndiciEventSource(url), reading);

/** What every `EventSource` has. */
interface AnyEventSource {
  readonly readyState: number;
  addEventListener(type: string, listener: (event: Event) => void): void;
}

/** The client itself must find the end: nobody calls `close`. */
function untilClosed(source: AnyEventSource, reading: Reading): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  for (const name of eventNames) {
    source.addEventListener(name, (event) => {
      reading.take(event as unknown as GivenEvent);
    });
  }
  source.addEventListener('error', () => {
    if (source.readyState === closedState) resolve(undefined);
  });
  return promise;
}

const closedState = 2;

/** curl, started again with the last id until it exits with 0. */
export const curl: RealClient = (url, reading) => curlLoop(url, reading, () => true);

/** The same, but an exit with 0 counts only after `closed`. */
export const carefulCurl: RealClient = (url, reading) =>
  curlLoop(url, reading, () => reading.last === 'closed');

async function curlLoop(url: string, reading: Reading, isWhole: () => boolean): Promise<void> {
  for (;;) {
    const header = reading.seq === 0 ? [] : ['-H', `Last-Event-ID: ${reading.seq}`];
    const { code, body } = await runCurl(['-sNL', ...header, url]);
    for (const event of wholeFrames(body)) reading.take(event);
    if (code === 0 && isWhole()) return;
    if (!passingCodes.has(code)) throw new Error(`curl exited with ${code}`);
    await sleep(20);
  }
}

/** Done, refused, bad head, part of the body, nothing at all, connection reset. */
const passingCodes = new Set<number | null>([0, 7, 8, 18, 52, 56]);

async function runCurl(args: readonly string[]): Promise<{ code: number | null; body: string }> {
  const child = spawn('curl', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const { promise, resolve } = Promise.withResolvers<number | null>();
  child.once('close', resolve);
  const pieces: Buffer[] = [];
  child.stdout.on('data', (piece: Buffer) => pieces.push(piece));
  const code = await promise;
  return { code, body: Buffer.concat(pieces).toString('utf8') };
}

/** What a cut has left of the last frame is not an event. */
function wholeFrames(body: string): GivenEvent[] {
  const frames = body.split('\n\n').slice(0, -1);
  return frames.filter((frame) => /^data: /m.test(frame)).map(parseFrame);
}

function parseFrame(frame: string): GivenEvent {
  const [type = '', data = '', lastEventId = ''] = ['event', 'data', 'id'].map(
    (name) => new RegExp(`^${name}: (.*)$`, 'm').exec(frame)?.[1],
  );
  return { type, data, lastEventId };
}

/** The `EventSource` of a page, whose origin is that of the stream. */
export function pageEventSource(browser: Browser): RealClient {
  return (url, reading) => inPage(browser, reading, { url, names: eventNames, reopens: false });
}

/** The same, but one that was closed before `closed` came is replaced, and repeats are dropped. */
export function reopenedPageEventSource(browser: Browser): RealClient {
  return (url, reading) => inPage(browser, reading, { url, names: eventNames, reopens: true });
}

async function inPage(browser: Browser, reading: Reading, asked: PageTask): Promise<void> {
  const page = await browser.newPage();
  await page.goto(new URL('/livez', asked.url).href);
  const json = await page.evaluate(collectInPage, asked);
  for (const event of JSON.parse(json) as GivenEvent[]) reading.take(event);
  await page.close();
}

interface PageTask {
  readonly url: string;
  readonly names: readonly string[];
  readonly reopens: boolean;
}

/** Runs inside the page, so it can use nothing of this file. */
function collectInPage({ url, names, reopens }: PageTask): Promise<string> {
  const seen: GivenEvent[] = [];
  let newest = 0;
  return new Promise((resolve) => {
    const open = (from: string): void => {
      const source = new EventSource(from);
      for (const name of names) {
        source.addEventListener(name, (event) => {
          const { type, lastEventId, data } = event as unknown as GivenEvent;
          const { seq } = JSON.parse(data) as { seq?: number };
          // The head of a redirect that was cut may name a cursor that was cut.
          if (reopens && seq !== undefined && seq <= newest) return;
          newest = seq ?? newest;
          seen.push({ type, lastEventId, data });
        });
      }
      source.addEventListener('error', () => {
        if (source.readyState !== 2) return;
        const last = seen.findLast(({ lastEventId }) => lastEventId !== '');
        if (!reopens || last?.type === 'closed') resolve(JSON.stringify(seen));
        else open(url.replace(/after_seq=\d+/, `after_seq=${last?.lastEventId ?? 0}`));
      });
    };
    open(url);
  });
}

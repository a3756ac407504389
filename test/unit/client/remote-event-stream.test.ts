import { describe, expect, it } from 'vitest';
import type { EventStream, ExecProcess } from '../../../src/exec-backend.ts';
import type { StreamEvent } from '../../../src/log/event.ts';
import { eventually } from '../../support/eventually.ts';
import {
  closedEvent,
  closedFrame,
  json,
  outputEvent,
  outputFrame,
  scripted,
  sse,
} from './scripted-server.ts';

async function follow(process: ExecProcess, after_seq: number | null = 0): Promise<EventStream> {
  const subscription = await process.subscribeEvents({ after_seq, from: 'replay' });
  if (subscription.kind === 'stream') return subscription.stream;
  throw new Error(`the subscription is ${subscription.kind}`);
}

async function allOf(stream: EventStream): Promise<readonly StreamEvent[]> {
  const events: StreamEvent[] = [];
  for (;;) {
    const batch = await stream.next(20_000);
    if (batch === null) return events;
    events.push(...batch);
  }
}

const events = '/prefix/processes/p/events?encoding=base64&format=sse';

describe('a stream that is cut', () => {
  it('is resumed after the last event, which may come again', async () => {
    const { process, asked } = await scripted([
      sse(`retry: 0\n\n${outputFrame(1)}${outputFrame(2)}event: output\ndata: {"type"`),
      sse(outputFrame(2) + outputFrame(3)),
      sse(closedFrame(4), 'end'),
    ]);
    expect(await allOf(await follow(process))).toEqual([
      outputEvent(1),
      outputEvent(2),
      outputEvent(3),
      closedEvent(4),
    ]);
    expect(asked).toEqual([
      `${events}&after_seq=0 0`,
      `${events}&after_seq=2 2`,
      `${events}&after_seq=3 3`,
    ]);
  });

  it('without a cursor asks without one until it has an event', async () => {
    const { process, asked } = await scripted([
      sse('retry: 0\n\n'),
      sse(outputFrame(7)),
      sse(closedFrame(8), 'end'),
    ]);
    expect(await allOf(await follow(process, null))).toEqual([outputEvent(7), closedEvent(8)]);
    expect(asked).toEqual([events, events, `${events}&after_seq=7 7`]);
  });

  it('cleanly before its last event was cut too', async () => {
    const { process } = await scripted([sse(outputFrame(1), 'end'), sse(closedFrame(2), 'end')]);
    expect(await allOf(await follow(process))).toEqual([outputEvent(1), closedEvent(2)]);
  });

  it('goes on past a server that shuts down, and past one that is not ready', async () => {
    const { process } = await scripted([
      sse(`${outputFrame(1)}retry: 1\n\nevent: draining\ndata: {"type":"draining"}\n\n`),
      json({ code: 'draining' }, 503),
      (response) => {
        response.writeHead(502).end('<html>');
      },
      sse(closedFrame(2), 'end'),
    ]);
    expect(await allOf(await follow(process))).toEqual([outputEvent(1), closedEvent(2)]);
  });

  it('waits as long as the server asks before it comes back', async () => {
    const answers = [sse('retry: 300\n\n'), sse(closedFrame(1), 'end')];
    const { process } = await scripted(answers, { reconnectMsMax: 5000 });
    const before = performance.now();
    expect(await allOf(await follow(process))).toEqual([closedEvent(1)]);
    expect(performance.now() - before).toBeGreaterThanOrEqual(299);
  });

  it('by silence is taken for cut', async () => {
    const answers = [sse(outputFrame(1), 'open'), sse(closedFrame(2), 'end')];
    const { process } = await scripted(answers, { stallMs: 200 });
    expect(await allOf(await follow(process))).toEqual([outputEvent(1), closedEvent(2)]);
  });

  it('before any event for too long has failed', async () => {
    const { process, asked } = await scripted([sse('retry: 0\n\n')], { recoverMs: 100 });
    const message: unknown = expect.stringContaining('gone for 100 ms');
    expect(await allOf(await follow(process, 5))).toEqual([
      {
        type: 'failed',
        last_seq: 5,
        message,
        failure_reason: null,
        exit_code: null,
        signal: null,
        exit_reason: null,
      },
    ]);
    expect(asked.length).toBeGreaterThan(1);
  });
});

describe('a stream that makes no sense', () => {
  it.each([
    ['has a hole', outputFrame(3), 'the stream went on with event 3 after event 1'],
    ['has data that is no JSON', 'event: output\ndata: {\n\n', 'the data of an event is no JSON'],
    [
      'has data of another kind',
      'event: output\ndata: {"type":"closed"}\n\n',
      'the server answered something else',
    ],
  ])('%s', async (_name, text, message) => {
    const { process } = await scripted([sse(outputFrame(1), 'cut'), sse(text, 'open')]);
    const stream = await follow(process);
    expect(await stream.next(20_000)).toEqual([outputEvent(1)]);
    const said: unknown = expect.stringContaining(message);
    const refusal = { code: 'internal_error', message: said };
    await expect(stream.next(20_000)).rejects.toMatchObject(refusal);
    expect(await stream.next(20_000)).toBeNull();
  });

  it('has ended for a cursor that was not at its end', async () => {
    const { process } = await scripted([
      sse(outputFrame(1)),
      (response) => {
        response.writeHead(204).end();
      },
    ]);
    const stream = await follow(process);
    await stream.next(20_000);
    await expect(stream.next(20_000)).rejects.toMatchObject({ code: 'internal_error' });
  });
});

describe('an event', () => {
  it('that this release does not know is passed over', async () => {
    const text = `event: ticket_expiring\ndata: {}\n\n${closedFrame(1)}`;
    const { process } = await scripted([sse(text, 'end')]);
    expect(await allOf(await follow(process))).toEqual([closedEvent(1)]);
  });

  it('after the last one is not given', async () => {
    const { process } = await scripted([sse(closedFrame(1) + outputFrame(2), 'open')]);
    expect(await allOf(await follow(process))).toEqual([closedEvent(1)]);
  });

  it('is waited for by one call after the other', async () => {
    const late = Promise.withResolvers<undefined>();
    const { process } = await scripted([
      (response) => {
        response.writeHead(200).flushHeaders();
        void late.promise.then(() => response.end(closedFrame(1)));
      },
    ]);
    const stream = await follow(process);
    for (let call = 0; call < 3; call += 1) expect(await stream.next(5)).toEqual([]);
    late.resolve(undefined);
    expect(await stream.next(20_000)).toEqual([closedEvent(1)]);
  });
});

describe('a slow reader', () => {
  it('holds back the server and loses nothing', async () => {
    const count = 3000;
    const chunk = Buffer.alloc(30_000, 'x').toString('base64');
    let sent = 0;
    const { process } = await scripted([
      (response) => {
        response.writeHead(200);
        const send = (): void => {
          while (sent < count) {
            sent += 1;
            const data = `"seq":${sent},"stream":"stdout","encoding":"base64","chunk":"${chunk}"`;
            const frame = `event: output\ndata: {"type":"output",${data}}\nid: ${sent}\n\n`;
            if (!response.write(frame)) break;
          }
          if (sent >= count) response.end(closedFrame(count + 1));
          else response.once('drain', send);
        };
        send();
      },
    ]);
    const stream = await follow(process);
    expect((await stream.next(20_000))?.length).toBeGreaterThan(0);
    let seen = -1;
    await eventually(
      () => {
        const isStill = seen === sent;
        seen = sent;
        return isStill;
      },
      (isStill) => isStill,
    );
    expect(sent).toBeLessThan(count / 2);
    const rest = await allOf(stream);
    expect(rest.at(-1)).toEqual(closedEvent(count + 1));
  });
});

import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import type { ExecProcess } from '../../../src/exec-backend.ts';
import type { Answer } from './scripted-server.ts';
import { json, outputEvent, outputFrame, scripted, sse } from './scripted-server.ts';

/** An answer that has only a status. */
function bare(status: number): Answer {
  return (response) => {
    response.writeHead(status, { location: '/elsewhere' }).end();
  };
}

const internal = (message: string): unknown =>
  expect.objectContaining({ code: 'internal_error', message });

describe('an answer that is no object', () => {
  it.each([null, 'text', 7, [[]]])('is refused: %j', async (value) => {
    const { process } = await scripted([json(value)]);
    const message = 'the server answered something else: the whole: Expected object';
    await expect(process.signal({ signal: 'SIGINT' })).rejects.toEqual(internal(message));
  });

  it('is refused when it is empty', async () => {
    const { process } = await scripted([bare(200)]);
    const message = 'the server answered something else: the whole: Expected object';
    await expect(process.signal({ signal: 'SIGINT' })).rejects.toEqual(internal(message));
  });

  it('is refused when it is no JSON', async () => {
    const { process } = await scripted([(response) => response.end('<html>')]);
    const refusal = internal('the server answered no JSON');
    await expect(process.signal({ signal: 'SIGINT' })).rejects.toEqual(refusal);
  });
});

describe('a stream that asked for no cursor', () => {
  const unasked = { after_seq: null, from: 'replay' } as const;

  async function cutBeforeItsFirstEvent(then: Answer, recoverMs = 20_000) {
    const { process } = await scripted([sse('retry: 0\n\n'), then], { recoverMs });
    const subscription = await process.subscribeEvents(unasked);
    if (subscription.kind !== 'stream') throw new Error(`is ${subscription.kind}`);
    return subscription.stream;
  }

  it('and lags lags from the beginning', async () => {
    const { process } = await scripted([bare(307)]);
    expect(await process.subscribeEvents(unasked)).toEqual({ kind: 'lagged', after_seq: 0 });
  });

  it('and lags when it is resumed lags from the beginning', async () => {
    const stream = await cutBeforeItsFirstEvent(bare(307));
    expect(await stream.next(20_000)).toEqual([{ type: 'lagged', after_seq: 0 }]);
    expect(await stream.next(20_000)).toBeNull();
  });

  it('and has ended when it is resumed makes no sense', async () => {
    const stream = await cutBeforeItsFirstEvent(bare(204));
    const refusal = internal('the log ended at event 0, which was not its end');
    await expect(stream.next(20_000)).rejects.toEqual(refusal);
  });

  it('and is never resumed has failed at the beginning', async () => {
    const stream = await cutBeforeItsFirstEvent(bare(502), 100);
    expect(await stream.next(20_000)).toMatchObject([{ type: 'failed', last_seq: 0 }]);
  });
});

describe('a termination', () => {
  /** A process whose server answers each termination, and the bodies that it was sent. */
  async function terminable(): Promise<{ process: ExecProcess; bodies: unknown[] }> {
    const bodies: unknown[] = [];
    const { process } = await scripted([
      (response, request) => {
        void text(request).then(async (body) => {
          bodies.push(JSON.parse(body));
          const ended = { ...(await process.snapshot()), running: true, survivors: [] };
          json(ended)(response, request);
        });
      },
    ]);
    return { process, bodies };
  }

  it('that was given up before it began is asked for without a wait', async () => {
    const { process, bodies } = await terminable();
    const params = { grace_ms: 100, wait_ms: 60_000 };
    const snapshot = await process.snapshot();
    expect(await process.terminate(params, AbortSignal.abort())).toEqual({
      ...snapshot,
      running: true,
      survivors: [],
    });
    expect(bodies).toEqual([{ grace_ms: 100, wait_ms: 0 }]);
  });

  it('with a wait that no request can have is refused, and nothing is sent', async () => {
    const { process, bodies } = await terminable();
    const refusal = { code: 'invalid_request', message: 'invalid headersTimeout' };
    await expect(process.terminate({ wait_ms: -1_000_000 })).rejects.toMatchObject(refusal);
    expect(bodies).toEqual([]);
  });
});

describe('a frame that follows what was cut', () => {
  it('is read from its beginning', async () => {
    const { process } = await scripted([sse('event: output\ndata: {"ty'), sse(outputFrame(1))]);
    const subscription = await process.subscribeEvents({ after_seq: 0, from: 'retained' });
    if (subscription.kind !== 'stream') throw new Error(`is ${subscription.kind}`);
    expect(await subscription.stream.next(20_000)).toEqual([outputEvent(1)]);
    subscription.stream.close();
  });
});

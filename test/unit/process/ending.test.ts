import { describe, expect, it } from 'vitest';
import { Ending } from '../../../src/process/tree/ending.ts';
import { isAlive, killQuietly, printedNumbers, startScript, stateOf } from './children.ts';
import { eventually } from '../../support/eventually.ts';
import { tableOf } from './table-of.ts';

/** Longer than any test may take. */
const graceMs = 3_600_000;
const patient = { signal: 'SIGTERM', graceMs };
const impatient = { signal: 'SIGTERM', graceMs: 50 };

describe('an ending', () => {
  it('asks, and is done as soon as nobody is left', async () => {
    const child = await startScript('exec sleep 60');
    expect(await new Ending(child).request(patient)).toEqual([]);
    expect(await child.exit).toEqual({ exit_code: null, signal: 'SIGTERM' });
  });

  it('lets the child have its own exit code', async () => {
    const child = await startScript('trap "exit 7" INT; echo 1; while :; do sleep 0.05; done');
    await printedNumbers(child);
    expect(await new Ending(child).request({ signal: 'SIGINT', graceMs })).toEqual([]);
    expect(await child.exit).toEqual({ exit_code: 7, signal: null });
  });

  it('kills who ignores the signal, after the grace', async () => {
    const child = await startScript('trap "" TERM; echo 1; while :; do sleep 60; done');
    await printedNumbers(child);
    expect(await new Ending(child).request(impatient)).toEqual([]);
    expect(await child.exit).toEqual({ exit_code: null, signal: 'SIGKILL' });
  });

  it('asks the whole group', async () => {
    const child = await startScript('sleep 60 & echo $!; wait');
    const [descendant = 0] = await printedNumbers(child);
    expect(await new Ending(child).request(patient)).toEqual([]);
    expect(isAlive(descendant)).toBe(false);
  });

  it('reaches a stopped child', async () => {
    const child = await startScript('kill -STOP $$');
    await eventually(
      () => stateOf(child.pid),
      (state) => state === 'T',
    );
    expect(await new Ending(child).request(patient)).toEqual([]);
    expect(await child.exit).toEqual({ exit_code: null, signal: 'SIGTERM' });
  });

  it.each([
    ['in the group', 'sleep 60'],
    ['in the group without the marker', 'env -i sleep 60'],
    ['that ignores the signal', 'nohup sh -c "trap \'\' TERM; sleep 60"'],
    ['in a session of its own', 'setsid sleep 60'],
  ])('works after the exit on a descendant %s', async (_fact, command) => {
    const child = await startScript(`${command} & echo $!`);
    const ending = new Ending(child);
    const [descendant = 0] = await printedNumbers(child);
    await child.exit;
    expect(isAlive(descendant)).toBe(true);
    expect(await ending.request(impatient)).toEqual([]);
    expect(isAlive(descendant)).toBe(false);
  });

  it('finds by the marker who left the group while the child lived', async () => {
    const child = await startScript('setsid sh -c "sleep 60; :" & echo $!; wait');
    const [escaped = 0] = await printedNumbers(child);
    expect(await new Ending(child).request(impatient)).toEqual([]);
    expect(isAlive(escaped)).toBe(false);
  });

  it('works on the tree of a child that was reaped long ago', async () => {
    const child = await startScript('setsid sleep 60 & echo $!');
    const [escaped = 0] = await printedNumbers(child);
    await child.exit;
    expect(await new Ending({ ...child, exit: null }).request(patient)).toEqual([]);
    expect(isAlive(escaped)).toBe(false);
  });

  it('leaves a stranger alone who got the number of the child', async () => {
    const stranger = await startScript('exec sleep 60');
    const ending = new Ending({ pid: stranger.pid, incarnation: 'another', exit: null });
    expect(await ending.request({ signal: 'SIGKILL', graceMs: 0 })).toEqual([]);
    expect(isAlive(stranger.pid)).toBe(true);
  });

  it('sends each signal that is asked for', async () => {
    const child = await startScript(
      'trap "echo USR1" USR1; trap "exit 9" TERM; echo 1; while :; do sleep 0.05; done',
    );
    let printed = '';
    child.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
    });
    await printedNumbers(child);
    const ending = new Ending(child);
    const first = ending.request({ signal: 'SIGUSR1', graceMs });
    await eventually(
      () => printed,
      (text) => text.includes('USR1'),
    );
    const second = ending.request(patient);
    expect(await Promise.all([first, second])).toEqual([[], []]);
    expect(await child.exit).toEqual({ exit_code: 9, signal: null });
  });

  it.each([
    ['shortens', [patient, impatient]],
    ['does not lengthen', [impatient, patient]],
  ])('asked again %s the grace', async (_fact, requests) => {
    const child = await startScript('trap "" TERM; echo 1; while :; do sleep 60; done');
    await printedNumbers(child);
    const ending = new Ending(child);
    const results = await Promise.all(requests.map((request) => ending.request(request)));
    expect(results).toEqual([[], []]);
    expect(await child.exit).toEqual({ exit_code: null, signal: 'SIGKILL' });
  });

  it('may be asked again when it is over', async () => {
    const child = await startScript('exec sleep 60');
    const ending = new Ending(child);
    expect(await ending.request(patient)).toEqual([]);
    expect(await ending.request({ signal: 'SIGKILL', graceMs: 0 })).toEqual([]);
  });

  it('reports who is left when even SIGKILL does not help', async () => {
    const pid = 2 ** 22 + 1;
    const immortal = { pid, group: pid, session: pid, startTicks: 0, marker: 'ours' };
    const table = tableOf([immortal]);
    const ending = new Ending({
      pid,
      incarnation: 'ours',
      exit: null,
      table,
      cgroups: null,
      survivorsAfterMs: 50,
    });
    expect(await ending.request({ signal: 'SIGTERM', graceMs: 0 })).toEqual([pid]);
  });

  it('tells at once what is left when it is closed', async () => {
    const child = await startScript('trap "" TERM; echo 1; while :; do sleep 60; done');
    await printedNumbers(child);
    const ending = new Ending(child);
    const result = ending.request(patient);
    ending.close();
    expect(await result).toEqual([child.pid]);
    expect(isAlive(child.pid)).toBe(true);
    killQuietly(-child.pid);
  });

  it('refuses a signal that this host does not know, and waits for nothing', async () => {
    const child = await startScript('exec sleep 60');
    const request = new Ending(child).request({ signal: 'SIGNOPE', graceMs: 0 });
    await expect(request).rejects.toMatchObject({ code: 'invalid_request' });
    expect(isAlive(child.pid)).toBe(true);
  });
});

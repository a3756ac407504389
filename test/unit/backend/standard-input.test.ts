import { describe, expect, test } from 'vitest';
import { microtasks } from '../replica/fixtures.ts';
import { lineOf, start, worldOf } from './fixtures.ts';

describe('the standard input', () => {
  test('is open until the exit, if it was asked for', async () => {
    const world = worldOf();
    const process = await start(world, { pipe_stdin: true });
    expect((await process.snapshot()).stdin).toBe('open');
    expect(await process.write({ chunk: Buffer.from('hi') })).toEqual({
      status: 'accepted',
      accepted_bytes: 2,
      stdin_bytes: 2,
    });
    expect(world.host.last.stdin?.read()).toEqual(Buffer.from('hi'));
    world.host.last.exitWith(0);
    await lineOf(process);
    expect((await process.snapshot()).stdin).toBe('closed');
    await expect(process.write({ chunk: Buffer.from('x') })).rejects.toMatchObject({
      code: 'stdin_closed',
    });
  });

  test('is closed, if it was not asked for', async () => {
    const process = await start(worldOf());
    expect((await process.snapshot()).stdin).toBe('closed');
    await expect(process.write({ chunk: Buffer.from('x') })).rejects.toMatchObject({
      code: 'stdin_closed',
    });
  });

  test('of a closed process still knows the repeat of a write', async () => {
    const world = worldOf();
    const process = await start(world, { pipe_stdin: true });
    const params = { chunk: Buffer.from('hi'), write_id: 'w' };
    const accepted = await process.write(params);
    world.host.last.exitWith(0);
    await lineOf(process);
    await microtasks();
    expect(await (await world.backend.get('p')).write(params)).toEqual(accepted);
  });

  test('of the hundred processes that closed last is remembered', async () => {
    const world = worldOf({ processesMax: 200 });
    const { backend, host } = world;
    const params = { chunk: Buffer.from('hi'), write_id: 'w' };
    for (let index = 0; index <= 100; index += 1) {
      const process = await start(world, { process_id: `p${index}`, pipe_stdin: true });
      await process.write(params);
      host.last.exitWith(0);
      await lineOf(process);
      await microtasks();
    }
    await expect((await backend.get('p0')).write(params)).rejects.toMatchObject({
      code: 'stdin_closed',
    });
    expect((await (await backend.get('p1')).write(params)).accepted_bytes).toBe(2);
  });
});

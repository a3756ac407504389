import { describe, expect, it } from 'vitest';
import { ProcessionError } from '../../../src/errors.ts';
import { spawnError } from '../../../src/process/spawn-error.ts';
import { request } from './children.ts';

const asked = request(['tool', '-v'], { env: { SECRET: 'hunter2' } });

describe('what kept a child from starting', () => {
  it.each([
    ['E2BIG', 'argument_list_too_long'],
    ['ENOENT', 'command_not_found'],
    ['ENOTDIR', 'command_not_found'],
    ['EACCES', 'not_executable'],
    ['ENOEXEC', 'not_executable'],
    ['EMFILE', 'resources_exhausted'],
    ['ENFILE', 'resources_exhausted'],
    ['EAGAIN', 'resources_exhausted'],
    ['ENOMEM', 'resources_exhausted'],
    ['ETXTBSY', 'spawn_failed'],
  ])('%s is %s', (errno, code) => {
    const cause = Object.assign(new Error(`spawn hunter2 ${errno}`), { code: errno });
    const error = spawnError(cause, asked);
    expect(error).toMatchObject({ code, members: { errno }, cause });
    expect(error.message).not.toContain('hunter2');
  });

  it.each([
    new TypeError('hunter2'),
    Object.assign(new TypeError('hunter2'), { code: 'ERR_INVALID_ARG_VALUE' }),
    Object.assign(new Error('hunter2'), { code: 7 }),
    'hunter2',
  ])('is spawn_failed without an errno for what is no error of the system', (cause) => {
    const error = spawnError(cause, asked);
    expect(error).toMatchObject({ code: 'spawn_failed', members: {}, cause });
    expect(error.members).toEqual({});
    expect(error.message).toContain('"tool"');
    expect(error.message).not.toContain('hunter2');
  });

  it('stays what it is when it was said before', () => {
    const error = new ProcessionError('cwd_not_found', 'x');
    expect(spawnError(error, asked)).toBe(error);
  });
});

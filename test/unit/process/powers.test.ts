import { readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { expect, test } from 'vitest';
import { powerFiles, powersOf, statusField } from '../../../src/process/wrapping/powers.ts';

const status = [
  'Name:\tCapEff: 1',
  'Uid:\t1000\t1001\t1002\t1003',
  'Gid:\t100\t101\t102\t103',
  'Groups:\t7 8 ',
  'CapEff:\t00000000ffffffff',
  'CapAmb:\t0000000001a000e0',
  '',
].join('\n');
const limits = [
  'Limit                     Soft Limit           Hard Limit           Units     ',
  'Max cpu time              unlimited            60                   seconds   ',
  'Max file size             1                    2                    bytes     ',
  'Max processes             96365                96366                processes ',
  'Max open files            1024                 4096                 files     ',
  'Max address space         unlimited            unlimited            bytes     ',
].join('\n');
const whole = '         0          0 4294967295\n';
const facts = new Map([
  ['status', status],
  ['stat', '12 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 20 -3 1 0 5 6'],
  ['limits', limits],
  ['uid_map', whole],
  ['gid_map', whole],
  ['nr_open', '1048576\n'],
]);

test('powers are what the kernel tells', () => {
  expect(powersOf(facts)).toEqual({
    uid: 1000,
    gid: 100,
    groups: [7, 8],
    nice: -3,
    capabilities: 0x01a0_00e0n,
    hardLimits: new Map([
      ['memory_bytes', Infinity],
      ['cpu_seconds', 60],
      ['open_files', 4096],
      ['processes', 96_366],
      ['file_bytes', 2],
    ]),
    openFilesMax: 1_048_576,
    uids: [{ first: 0, count: 4_294_967_295 }],
    gids: [{ first: 0, count: 4_294_967_295 }],
  });
});

test('the privileges that root holds outlive the start of a program', () => {
  const root = status.replace('Uid:\t1000', 'Uid:\t0');
  expect(powersOf(new Map([...facts, ['status', root]])).capabilities).toBe(0xffff_ffffn);
});

test('privileges over the host are none in another user namespace', () => {
  const map = '0 1000 1\n1 100000 65536\n';
  const { capabilities, uids } = powersOf(new Map([...facts, ['uid_map', map]]));
  expect(capabilities).toBe(0xe0n);
  expect(uids).toEqual([
    { first: 0, count: 1 },
    { first: 1, count: 65_536 },
  ]);
});

test('what the kernel does not tell is no power', () => {
  expect(powersOf(new Map())).toEqual({
    uid: -1,
    gid: -1,
    groups: [],
    nice: 0,
    capabilities: 0n,
    hardLimits: new Map(),
    openFilesMax: 0,
    uids: [],
    gids: [],
  });
});

test('this process is read as Node knows it', () => {
  const own = powerFiles.map((name) => [name, readFileSync(`/proc/self/${name}`, 'utf8')] as const);
  const { uid, gid, nice } = powersOf(new Map(own));
  expect([uid, gid, nice]).toEqual([process.getuid?.(), process.getgid?.(), getPriority()]);
});

test('a field of the status is found by its whole name', () => {
  expect(statusField(facts, 'Gid')).toBe('100\t101\t102\t103');
  expect(statusField(facts, 'Cap')).toBe('');
});

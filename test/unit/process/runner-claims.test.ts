import { describe, expect, it } from 'vitest';
import { contradiction } from '../../../src/process/wrapping/runner-claims.ts';
import { factsOf } from '../../../src/process/wrapping/runner-probe.ts';

const own = { pid: 'pid:[1]', net: 'net:[2]' };

const net = (...names: readonly string[]): string =>
  ['Inter-|   Receive', ' face |bytes', ...names.map((name) => `${name}: 0 0 0`)].join('\n');

const status = (fields: Readonly<Record<string, string>>): string =>
  Object.entries(fields)
    .map(([name, value]) => `${name}:\t${value}\n`)
    .join('');

const zero = '0000000000000000';
const noCaps = { CapInh: zero, CapPrm: zero, CapEff: zero, CapBnd: zero, CapAmb: zero };

describe('a claim', () => {
  it.each<[string, Record<string, string>, string | null]>([
    ['pid_namespace', { pid_namespace: 'pid:[9]' }, null],
    ['pid_namespace', { pid_namespace: 'pid:[1]' }, 'pid:[1], which is the service’s own'],
    ['pid_namespace', { pid_namespace: '' }, 'no namespace that could be told'],
    ['pid_namespace', {}, 'no namespace that could be told'],
    ['no_network', { net_namespace: 'net:[9]', 'net/dev': net('lo') }, null],
    ['no_network', { net_namespace: 'net:[9]', 'net/dev': net() }, null],
    ['no_network', { net_namespace: 'net:[2]', 'net/dev': net('lo') }, 'net:[2], which is the'],
    [
      'no_network',
      { net_namespace: 'net:[9]', 'net/dev': net('lo', 'eth0', 'lo1') },
      'the interface eth0, lo1',
    ],
    ['no_network', { 'net/dev': net('lo') }, 'no namespace that could be told'],
    ['no_new_privs', { status: status({ NoNewPrivs: '1' }) }, null],
    ['no_new_privs', { status: status({ NoNewPrivs: '0' }) }, 'NoNewPrivs 0'],
    ['no_new_privs', {}, 'NoNewPrivs untold'],
    ['no_capabilities', { status: status(noCaps) }, null],
    ['no_capabilities', { status: status({ ...noCaps, CapBnd: '1' }) }, 'CapBnd 1'],
    ['no_capabilities', { status: status({ ...noCaps, CapBnd: '1', NoNewPrivs: '1' }) }, null],
    ['no_capabilities', { status: status({ ...noCaps, CapInh: '1' }) }, 'CapInh 1'],
    ['no_capabilities', { status: status({ ...noCaps, CapPrm: '1' }) }, 'CapPrm 1'],
    ['no_capabilities', { status: status({ ...noCaps, CapEff: '1' }) }, 'CapEff 1'],
    ['no_capabilities', { status: status({ ...noCaps, CapAmb: '1' }) }, 'CapAmb 1'],
    ['no_capabilities', {}, 'CapInh untold'],
    ['uid=1', { status: status({ Uid: '1\t1\t1\t1' }) }, null],
    ['uid=1', { status: status({ Uid: '1\t1\t1\t0' }) }, 'Uid 1 1 1 0'],
    ['uid=1', { status: status({ Uid: '11\t11\t11\t11' }) }, 'Uid 11 11 11 11'],
    ['uid=0', { status: status({ Uid: '0\t0\t0' }) }, 'Uid 0 0 0'],
  ])('%s and %j: %j', (claim, facts, contrary) => {
    const seen = contradiction(claim, new Map(Object.entries(facts)), own);
    if (contrary === null) expect(seen).toBeNull();
    else expect(seen).toContain(contrary);
  });
});

describe('what a probe has told', () => {
  const begin = `\r\n\u0001\u00ff a  'b' "c" $d \\e * \n`;

  it('is in sections', () => {
    const text = `${begin}@descriptors\n0 1 2 \n@net/dev\n@status\nA:\t1\nB: @x\n@end\n`;
    expect(factsOf(text)).toEqual(
      new Map([
        ['descriptors', '0 1 2'],
        ['net/dev', ''],
        ['status', 'A:\t1\nB: @x'],
      ]),
    );
  });

  it.each(['', '@end\n', `x${begin}@end\n`, `${begin}@end\nx`, `${begin}@end`, begin.slice(1)])(
    'is nothing when it is %j',
    (text) => {
      expect(factsOf(text)).toBeNull();
    },
  );
});

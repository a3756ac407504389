import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import { isSignalName, signalName, signalNumber } from '../../src/signals.ts';

describe('signals', () => {
  it.each(Object.entries(constants.signals))('%s is %i', (name, number) => {
    expect(signalNumber(name)).toBe(number);
    expect(isSignalName(name)).toBe(true);
  });

  it.each([
    ['SIG32', 32],
    ['SIG33', 33],
    ['SIGRTMIN', 34],
    ['SIGRTMIN+0', 34],
    ['SIGRTMIN+6', 40],
    ['SIGRTMIN+30', 64],
    ['SIGRTMAX', 64],
    ['SIGRTMAX-1', 63],
    ['SIGRTMAX-30', 34],
  ])('the real-time signal %s is %i', (name, number) => {
    expect(signalNumber(name)).toBe(number);
  });

  it.each([
    '',
    '0',
    '15',
    'TERM',
    'sigterm',
    'SIGTERM ',
    'SIGNOPE',
    'constructor',
    'SIGRTMIN-1',
    'SIGRTMIN+31',
    'SIGRTMAX+1',
    'SIGRTMAX-31',
    'SIGRTMIN+',
    'SIGRTMIN+1.5',
    'SIGRT',
    'SIG31',
    'SIG34',
  ])('%j is no signal', (name) => {
    expect(signalNumber(name)).toBeUndefined();
    expect(isSignalName(name)).toBe(false);
  });

  it.each([
    [15, 'SIGTERM'],
    [9, 'SIGKILL'],
    [6, 'SIGABRT'],
    [32, 'SIG32'],
    [34, 'SIGRTMIN+0'],
    [40, 'SIGRTMIN+6'],
    [64, 'SIGRTMIN+30'],
  ])('%i has the one name %s', (number, name) => {
    expect(signalName(number)).toBe(name);
  });

  it.each([0, -1, 65, 1.5, 34.5, NaN])('%d has no name', (number) => {
    expect(signalName(number)).toBeUndefined();
  });
});

import { describe } from 'vitest';
import type { OpenBackend } from './driving.ts';
import { describeEnd } from './ending.ts';
import { describeEvents } from './following.ts';
import { describeList } from './listing.ts';
import { describeRead } from './reading.ts';
import { describeStart } from './starting.ts';
import { describeTerminal } from './terminals.ts';
import { describeWake } from './waking.ts';
import { describeWrite } from './writing.ts';

/** What every `ExecBackend` does. `open` gives one that the end of the test closes. */
export function describeExecBackend(name: string, open: OpenBackend): void {
  describe(name, () => {
    describeStart(open);
    describeList(open);
    describeEvents(open);
    describeRead(open);
    describeWrite(open);
    describeEnd(open);
    describeTerminal(open);
    describeWake(open);
  });
}

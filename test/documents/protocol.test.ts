import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { errorTable } from '../../src/errors.ts';
import type { Lifecycle, LifecycleEvent } from '../../src/log/lifecycle.ts';
import { advance } from '../../src/log/lifecycle.ts';
import { codesOf, root, sectionOf, tableOf, textOf } from './markdown.ts';
import { operations } from './openapi-document.ts';

const protocol = textOf('docs/protocol.md');

describe('the routes', () => {
  it.each(operations)('$method $path is in the README and in the protocol', (operation) => {
    const route = `\`${operation.method} ${operation.path}\``;
    expect(sectionOf(textOf('README.md'), 'Routes')).toContain(route);
    expect(protocol).toContain(`${route} — \`${operation.operationId}\``);
  });

  it('in the README and the protocol are those of the OpenAPI document', () => {
    const routes = operations.map(({ method, path }) => `${method} ${path}`);
    const written = [textOf('README.md'), protocol].flatMap(codesOf);
    const isRoute = /^(GET|POST|PUT|DELETE|PATCH) \/\S*$/;
    const unknown = written.filter((code) => isRoute.test(code) && !routes.includes(code));
    expect(unknown).toEqual([]);
  });
});

describe('the table of errors', () => {
  it('has each code with its status, in the order of src/errors.ts', () => {
    const rows = tableOf(sectionOf(protocol, 'Errors'), 'code');
    const written = rows.map(([code = '', status]) => [codesOf(code)[0], Number(status)]);
    expect(written).toEqual(Object.entries(errorTable).map(([code, { status }]) => [code, status]));
  });

  it('names which statuses carry Retry-After', () => {
    const retried = Object.values(errorTable)
      .filter(({ retryable, status }) => retryable && status !== 409)
      .map(({ status }) => String(status));
    const sentence = /^(.*) carry `Retry-After`/m.exec(sectionOf(protocol, 'Errors'))?.[1] ?? '';
    expect(sentence.match(/\d+/g)).toEqual([...new Set(retried)]);
  });
});

const exit = { exit_code: 0, signal: null, exit_reason: 'exited' } as const;
const events = {
  exited: { type: 'exited', exit, seq: 1, at: 1 },
  closed: { type: 'closed', seq: 2, at: 2, output_incomplete: false },
  failed: { type: 'failed', message: 'lost', failure_reason: 'owner_lost', at: 2 },
} as const satisfies Record<string, LifecycleEvent>;
const running: Lifecycle = { state: 'running' };
const exited = advance(running, events.exited);
const states: Record<string, Lifecycle> = {
  running,
  exited,
  closed: advance(exited, events.closed),
  failed: advance(running, events.failed),
};

describe('the table of states and events', () => {
  const rows = tableOf(sectionOf(protocol, 'States and events'), 'state');

  it('has every state', () => {
    expect(rows.map(([state = '']) => codesOf(state)[0])).toEqual(Object.keys(states));
  });

  it('says where each event leads from each state, as the code does', () => {
    const written = rows.map(([, ...cells]) => cells.map((cell) => codesOf(cell)[0] ?? 'cannot'));
    const done = Object.values(states).map((state) =>
      Object.values(events).map((event) => after(state, event)),
    );
    expect(written).toEqual(done);
  });
});

describe('the invariants', () => {
  const rows = tableOf(sectionOf(protocol, 'Invariants'), '#');

  it('are numbered, and each has a test', () => {
    expect(rows.map(([number]) => Number(number))).toEqual(rows.map((_row, index) => index + 1));
    expect(rows.filter(([, , references = '']) => codesOf(references).length < 2)).toEqual([]);
  });

  it.each(rows.map(([number, , references]) => ({ number, references })))(
    'number $number names tests that exist',
    ({ references = '' }) => {
      for (const reference of references.split('<br>')) {
        const [file = '', ...names] = codesOf(reference);
        expect(existsSync(`${root}${file}`), file).toBe(true);
        for (const name of names) expect(textOf(file)).toContain(name);
        expect(names).not.toEqual([]);
      }
    },
  );
});

function after(state: Lifecycle, event: LifecycleEvent): string {
  try {
    return advance(state, event).state;
  } catch {
    return 'cannot';
  }
}

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Process } from '../../src/protocol/process.ts';
import type { TestService } from '../support/service.ts';
import { openService, startService } from '../support/service.ts';
import { Client } from './client.ts';
import { invalid, refusal, told } from './problems.ts';

let service: TestService;
let client: Client;

interface List {
  readonly processes: readonly Process[];
  readonly next_cursor: string | null;
}

async function list(query: string): Promise<{ ids: string[]; next: string | null }> {
  const { body } = await client.get(`/processes${query}`);
  const { processes, next_cursor } = body as List;
  return { ids: processes.map(({ process_id }) => process_id), next: next_cursor };
}

beforeAll(async () => {
  service = await openService();
  client = new Client(service);
  await client.start({ process_id: 'a', argv: ['echo', 'secret'], labels: { team: 'x' } });
  await client.start({ process_id: 'b', argv: ['true'], labels: { team: 'x', 'a b': 'c=d&é' } });
  await client.closed('a');
  await client.closed('b');
  await client.startCat('c', { labels: { team: 'y' } });
});

afterAll(() => service.stop());

describe('the list', () => {
  it('is empty before the first start', async () => {
    const fresh = new Client(await startService());
    expect((await fresh.get('/processes')).body).toEqual({ processes: [], next_cursor: null });
  });

  it('has the newest first, each as its own route has it and without output', async () => {
    const { body } = await client.get('/processes');
    expect(body).toEqual({
      processes: await Promise.all(['c', 'b', 'a'].map((id) => client.process(id))),
      next_cursor: null,
    });
  });

  it.each([
    ['?state=running', ['c']],
    ['?state=closed', ['b', 'a']],
    ['?state=exited', []],
    ['?state=failed', []],
    ['?label=team%3Dx', ['b', 'a']],
    ['?label=team=y', ['c']],
    ['?label=team%3Dx&label=a%20b%3Dc%3Dd%26%C3%A9', ['b']],
    ['?label=team%3Dx&label=team%3Dy', []],
    ['?label=team%3D', []],
    ['?label=TEAM%3Dx', []],
    ['?state=closed&label=team%3Dx&limit=1', ['b']],
    ['?limit=1000', ['c', 'b', 'a']],
  ])('%s has %j', async (query, ids) => {
    expect((await list(query)).ids).toEqual(ids);
  });

  it('visits every process once, page by page', async () => {
    const pages: string[][] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page = await list(`?limit=1${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
      pages.push(page.ids);
      cursor = page.next;
    }
    expect(pages).toEqual([['c'], ['b'], ['a']]);
  });

  it('goes on after its cursor whatever was started since', async () => {
    const first = await list('?limit=2&state=closed');
    await client.start({ process_id: 'd', argv: ['true'] });
    await client.closed('d');
    const { next } = await list('?limit=1');
    expect((await list(`?cursor=${next ?? ''}`)).ids).toEqual(['c', 'b', 'a']);
    expect(first.ids).toEqual(['b', 'a']);
    await client.delete('/processes/d');
  });

  it.each(['?limit=0', '?limit=1001', '?state=ended', '?state=', '?label=team', '?label='])(
    '%s is refused',
    async (query) => {
      expect(told(await client.get(`/processes${query}`))).toEqual(invalid);
    },
  );

  it.each(['x', '', '-1', 'MQ==', 'OTAwNzE5OTI1NDc0MDk5Mg'])(
    'cursor %j is refused',
    async (cursor) => {
      const reply = await client.get(`/processes?cursor=${cursor}`);
      expect(told(reply)).toEqual(refusal(400, 'invalid_request'));
    },
  );
});

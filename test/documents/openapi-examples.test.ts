import { globSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { startService } from '../support/service.ts';
import type { Exchange, Story } from './exchange.ts';
import { send, stable } from './exchange.ts';
import { root, textOf } from './markdown.ts';
import { operations } from './openapi-document.ts';
import { requestFaults, responseFaults } from './openapi-faults.ts';

const stories = globSync('openapi/examples/*.json', { cwd: root })
  .sort()
  .map((file) => ({ file: path.basename(file, '.json'), ...(JSON.parse(textOf(file)) as Story) }));
const exchanges = stories.flatMap((story) => story.exchanges);

describe('the examples of the OpenAPI document', () => {
  it.each(stories)('are what the service answers: $file', async ({ settings, exchanges: all }) => {
    const { url } = await startService({ REPLICA_ID: 'replica-1', ...settings });
    for (const exchange of all) {
      const answer = await send(url, exchange);
      const { contains = [], ...expected } = exchange.response;
      expect([exchange.name, stable(answer(expected))]).toEqual([exchange.name, stable(expected)]);
      for (const text of contains) expect(answer({ body: '' }).body).toContain(text);
    }
  });

  it.each(exchanges)('obey the schemas of $operationId: $name', (exchange) => {
    expect(responseFaults(exchange)).toEqual([]);
    if (!isMalformed(exchange)) expect(requestFaults(exchange)).toEqual([]);
  });

  it('break a schema where they say so', () => {
    const broken = exchanges.filter(({ summary }) => /unknown|out of range/.test(summary));
    expect(broken.length).toBeGreaterThan(5);
    expect(broken.filter((exchange) => requestFaults(exchange).length === 0)).toEqual([]);
  });

  it('have names of their own', () => {
    const names = exchanges.map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  it('cover every response of every operation, but for what takes trouble to provoke', () => {
    const troublesome = ['408', '429', '500', '503', '505', '507'];
    const covered = new Set(exchanges.map(keyOf));
    const documented = operations.flatMap(({ operationId, responses }) =>
      Object.entries(responses).flatMap(([status, { content }]) =>
        troublesome.includes(status)
          ? []
          : Object.keys(content ?? { none: null }).map(
              (type) => `${operationId} ${status} ${type}`,
            ),
      ),
    );
    expect(documented.filter((key) => !covered.has(key))).toEqual([]);
  });
});

function keyOf({ operationId, response: { status, contentType = 'none' } }: Exchange): string {
  return `${operationId} ${status} ${contentType}`;
}

function codeOf({ response: { body } }: Exchange): unknown {
  return typeof body === 'object' && body !== null && 'code' in body ? body.code : undefined;
}

/** Refused because of its form, which a schema need not be able to say. */
function isMalformed(exchange: Exchange): boolean {
  const shape = ['invalid_json', 'invalid_cursor', 'invalid_request'];
  const codes = [...shape, 'unsupported_media_type', 'body_too_large'];
  return codes.includes(String(codeOf(exchange)));
}

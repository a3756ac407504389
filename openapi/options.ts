import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import type { FastifySchema } from 'fastify';
import manifest from '../package.json' with { type: 'json' };
import { cursorMark, integerMax } from '../src/protocol/schema.ts';

/** How the OpenAPI document is made of the schemas of the routes. */
export const openApiOptions: FastifyDynamicSwaggerOptions = {
  openapi: {
    openapi: '3.1.0',
    info: {
      title: 'Procession',
      version: manifest.version,
      description:
        'Starts, follows and controls processes. Every byte reaches every reader exactly once ' +
        'and in order, or the missing range is named. The protocol is docs/protocol.md.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [],
    tags: [
      { name: 'processes', description: 'Start, find and remove processes.' },
      { name: 'streams', description: 'Follow and read what they write.' },
      { name: 'control', description: 'Write to them, signal and end them.' },
      { name: 'operations', description: 'The health of the service.' },
    ],
  },
  convertConstToEnum: false,
  refResolver: {
    buildLocalReference: ({ $id }) => (typeof $id === 'string' ? $id : 'unnamed'),
  },
  transform: ({ schema, url }) => ({ schema: documented(schema), url }),
};

/** Cursors are read late, as text; in the document they are the integers that they are. */
function documented(schema: FastifySchema): FastifySchema {
  const text = JSON.stringify(schema.querystring ?? {});
  const querystring: unknown = JSON.parse(text, (_name, value: unknown) =>
    isCursor(value) ? { ...value, [cursorMark]: undefined, ...integer } : value,
  );
  return { ...schema, querystring };
}

const integer = { type: 'integer', minimum: 0, maximum: integerMax };

function isCursor(value: unknown): value is object {
  return typeof value === 'object' && value !== null && cursorMark in value;
}

import { Type } from '@sinclair/typebox';
import { problems } from './problem.ts';
import { named, oneOfStrings, ref } from './schema.ts';

const noQuery = Type.Object({}, { additionalProperties: false });

/** The body of the health routes. */
export const Health = named(
  'Health',
  Type.Object({
    status: oneOfStrings(['ok', 'ready', 'degraded', 'draining'], 'How the service is.'),
  }),
);

const health = { 'application/json': { schema: ref(Health) } };

/** `GET /livez` */
export const getLiveness = {
  operationId: 'getLiveness',
  summary: 'Whether the service answers',
  tags: ['operations'],
  querystring: noQuery,
  response: {
    200: { description: 'It does.', content: health },
    ...problems('invalid_request'),
  },
} as const;

/** `GET /readyz` */
export const getReadiness = {
  operationId: 'getReadiness',
  summary: 'Whether the service takes new processes',
  tags: ['operations'],
  querystring: noQuery,
  response: {
    200: {
      description: 'It does; or it is degraded: the store takes nothing new, and all else works.',
      content: health,
    },
    503: { description: 'It shuts down.', content: health },
    ...problems('invalid_request'),
  },
} as const;

/** `GET /metrics` */
export const getMetrics = {
  operationId: 'getMetrics',
  summary: 'Metrics in the Prometheus text format',
  tags: ['operations'],
  querystring: noQuery,
  response: {
    200: { description: 'The metrics.', content: { 'text/plain': { schema: Type.String() } } },
    ...problems('invalid_request', 'internal_error'),
  },
} as const;

/** `GET /openapi.json` */
export const getOpenApi = {
  operationId: 'getOpenApi',
  summary: 'This document',
  tags: ['operations'],
  querystring: noQuery,
  response: {
    200: {
      description: 'The OpenAPI 3.1 document of the service.',
      content: { 'application/json': { schema: Type.Object({}, { additionalProperties: true }) } },
    },
    ...problems('invalid_request', 'internal_error'),
  },
} as const;

import Fastify from 'fastify';
import type { Exchange } from './exchange.ts';
import type { Operation } from './openapi-document.ts';
import { document, operations } from './openapi-document.ts';

/** What of the request of an example the document does not allow. */
export function requestFaults({ operationId, request }: Exchange): string[] {
  const { parameters, requestBody } = operationOf(operationId);
  const given = { path: request.path, query: request.query, header: request.headers };
  const known = parameters.flatMap((parameter) => {
    const value = given[parameter.in]?.[parameter.name];
    if (value !== undefined) return faultsOf(parameter.schema, value, parameter.name);
    return parameter.required === true ? [`${parameter.name} is missing`] : [];
  });
  const names = parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => name);
  const unknown = Object.keys(request.query ?? {}).filter((name) => !names.includes(name));
  const { contentType, body } = request;
  if (body === undefined) return [...known, ...unknown.map((name) => `${name} is unknown`)];
  const media = requestBody?.content?.[contentType ?? ''];
  const inBody =
    media === undefined ? [`no body of type ${contentType}`] : faultsOf(media.schema, body, 'body');
  return [...known, ...unknown.map((name) => `${name} is unknown`), ...inBody];
}

/** What of the answer of an example the document does not say. */
export function responseFaults({ operationId, response }: Exchange): string[] {
  const { status, headers = {}, contentType, body } = response;
  const documented = operationOf(operationId).responses[status];
  if (documented === undefined) return [`status ${status} is not documented`];
  const names = Object.keys(documented.headers ?? {}).map((name) => name.toLowerCase());
  const strange = Object.keys(headers).filter((name) => !names.includes(name));
  const undocumented = strange.map((name) => `header ${name} is not documented`);
  if (contentType === undefined) return undocumented;
  const media = documented.content?.[contentType];
  if (media === undefined) return [...undocumented, `type ${contentType} is not documented`];
  if (body === undefined) return undocumented;
  const values = valuesOf(contentType, body);
  return [...undocumented, ...values.flatMap((value) => faultsOf(media.schema, value, 'body'))];
}

/** What the schema of a body is about: each event of a stream, else the body. */
function valuesOf(contentType: string, body: unknown): unknown[] {
  if (typeof body !== 'string') return [body];
  if (contentType === 'text/event-stream') {
    return [...body.matchAll(/^data: (.*)$/gm)].map(([, data = '']): unknown => JSON.parse(data));
  }
  if (contentType !== 'application/x-ndjson') return [body];
  return body
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
}

function operationOf(operationId: string): Operation {
  const operation = operations.find((candidate) => candidate.operationId === operationId);
  if (operation === undefined) throw new Error(`there is no operation ${operationId}`);
  return operation;
}

function faultsOf(schema: object, value: unknown, where: string): string[] {
  const text = JSON.stringify(schema).replaceAll('"#/', '"openapi.json#/');
  const validate = compile(JSON.parse(text) as object);
  if (validate(value)) return [];
  return (validate.errors ?? []).map(
    ({ instancePath, message = '' }) => `${where}${instancePath} ${message}`,
  );
}

interface Validate {
  (value: unknown): boolean;
  errors?: readonly { readonly instancePath: string; readonly message?: string }[] | null;
}

type Compile = (schema: object) => Validate;

/** Made by Fastify's own Ajv, so a schema means here what it means to the service. */
const compile = await compilerFor(document);

async function compilerFor(schemas: object): Promise<Compile> {
  const exact = { coerceTypes: false, removeAdditional: false, useDefaults: false };
  const app = Fastify({ ajv: { customOptions: { ...exact, strict: false, allErrors: true } } });
  app.addSchema({ $id: 'openapi.json', ...schemas });
  const { promise, resolve } = Promise.withResolvers<Compile>();
  app.get('/', (request) => {
    resolve((schema) => request.compileValidationSchema(schema));
    return {};
  });
  await app.inject('/');
  return promise;
}

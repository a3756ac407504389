import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorCode } from '../errors.ts';
import { ProcessionError, errorTable } from '../errors.ts';

/** Answers with a problem (RFC 9457). Errors of the service itself are logged, never shown. */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const known = knownError(error);
  const { status, retryable } = errorTable[known.code];
  if (status === 500) request.log.error({ err: error }, 'request failed');
  if (retryable && status !== 409) void reply.header('retry-after', '1');
  if (status === 408) void reply.header('connection', 'close');
  void reply
    .code(status)
    .header('cache-control', 'no-store')
    .type('application/problem+json')
    .send(jsonBytes(problemOf(known, request)));
}

/** An outcome as problem details. */
export function problemOf(
  { code, message, members }: ProcessionError,
  { id }: Pick<FastifyRequest, 'id'>,
): object {
  const { status, title } = errorTable[code];
  const type = `urn:procession:problem:${code}`;
  return { type, title, status, detail: message, instance: id, code, ...members };
}

/** JSON as bytes, for a body of a type that has no `charset`: to a text Fastify adds one. */
export function jsonBytes(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** The error that a caller is told of. What we do not know is an internal error. */
export function knownError(error: unknown): ProcessionError {
  if (error instanceof ProcessionError) return error;
  if (isFastifyError(error)) {
    if (error.validation !== undefined) return invalidRequest(error);
    const code = frameworkCodes[error.code];
    if (code !== undefined) return new ProcessionError(code, details[code] ?? error.message);
    if (error.statusCode === 400) return new ProcessionError('invalid_request', error.message);
  }
  return new ProcessionError('internal_error', 'the service failed; its log has the request id');
}

const frameworkCodes: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_EMPTY_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'invalid_request',
  FST_ERR_BAD_URL: 'invalid_request',
  FST_ERR_MAX_PARAM_LENGTH: 'uri_too_long',
};

/** Where the framework does not say what was expected. */
const details: Partial<Record<ErrorCode, string>> = {
  unsupported_media_type:
    'the body must be application/json, or for the standard input application/octet-stream',
};

function isFastifyError(error: unknown): error is FastifyError {
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}

function invalidRequest({ validation = [], validationContext }: FastifyError): ProcessionError {
  const errors = validation
    .slice(0, errorsMax)
    .map(({ instancePath, keyword, params, message = 'is not valid' }) => {
      const isUnknown = keyword === 'additionalProperties';
      const member = isUnknown ? params['additionalProperty'] : params['missingProperty'];
      const pointer =
        typeof member === 'string' ? `${instancePath}/${escaped(member)}` : instancePath;
      return { pointer, detail: isUnknown ? 'is unknown' : message };
    });
  const where = validationContext === 'querystring' ? 'query' : (validationContext ?? 'request');
  const [first] = errors;
  const detail = `the ${where} is not valid: ${first?.pointer ?? ''} ${first?.detail ?? ''}`;
  return new ProcessionError('invalid_request', detail, { errors });
}

/** Most faults of one request that are told. */
const errorsMax = 20;

/** Most characters of a member's name that are told. */
const nameCharactersMax = 128;

function escaped(member: string): string {
  return member.slice(0, nameCharactersMax).replaceAll('~', '~0').replaceAll('/', '~1');
}

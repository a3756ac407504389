import { operations } from './openapi-document.ts';

/** Requests in order, and what a service with these settings answers to each. */
export interface Story {
  readonly summary: string;
  readonly settings: Readonly<Record<string, string | number>>;
  readonly exchanges: readonly Exchange[];
}

/** One request and its answer. A JSON body is a value, any other a text. */
export interface Exchange {
  readonly name: string;
  readonly operationId: string;
  readonly summary: string;
  readonly request: {
    readonly path?: Readonly<Record<string, string>>;
    readonly query?: Readonly<Record<string, unknown>>;
    readonly headers?: Readonly<Record<string, string>>;
    readonly contentType?: string;
    readonly body?: unknown;
  };
  readonly response: Answer & {
    readonly status: number;
    /** Parts of a body that is too long to be shown. */
    readonly contains?: readonly string[];
  };
}

/** An answer, or the part of it that an example shows. */
export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly contentType?: string;
  readonly body?: unknown;
}

/** Sends the request of an example. The result picks of the answer what an expectation shows. */
export async function send(url: string, exchange: Exchange): Promise<(expected: Answer) => Answer> {
  const { operationId, request } = exchange;
  const operation = operations.find((candidate) => candidate.operationId === operationId);
  if (operation === undefined) throw new Error(`there is no operation ${operationId}`);
  const { contentType, body } = request;
  const response = await fetch(url + targetOf(operation.path, request), {
    method: operation.method,
    headers: { ...request.headers, ...(contentType && { 'content-type': contentType }) },
    ...(body === undefined ? {} : { body: bodyText(body) }),
    redirect: 'manual',
  });
  const text = await response.text();
  return (expected) => ({
    ...(expected.status === undefined ? {} : { status: response.status }),
    ...(expected.contentType === undefined ? {} : { contentType: typeOf(response) }),
    ...(expected.headers === undefined
      ? {}
      : { headers: picked(response.headers, expected.headers) }),
    ...(expected.body === undefined
      ? {}
      : { body: typeof expected.body === 'string' ? text : (JSON.parse(text) as unknown) }),
  });
}

/** An answer without what is different each time, and without texts for people. */
export function stable(answer: Answer): unknown {
  return JSON.parse(JSON.stringify(answer, masked));
}

const changing = [
  'pid',
  'instance',
  'started_at',
  'exited_at',
  'closed_at',
  'expires_at',
  'detail',
];

function masked(name: string, value: unknown): unknown {
  if (value !== null && changing.includes(name)) return `some ${typeof value}`;
  if (name !== 'body' || typeof value !== 'string') return value;
  return value.replaceAll(/^data: (.*)$/gm, (_line, data: string) => {
    return `data: ${JSON.stringify(JSON.parse(data), masked)}`;
  });
}

function targetOf(path: string, { path: names = {}, query = {} }: Exchange['request']): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) search.append(name, String(one));
  }
  const filled = path.replaceAll(/\{(\w+)\}/g, (_part, name: string) => names[name] ?? '');
  return search.size === 0 ? filled : `${filled}?${search.toString()}`;
}

function bodyText(body: unknown): string {
  return typeof body === 'string' ? body : JSON.stringify(body);
}

function typeOf({ headers }: Response): string {
  return headers.get('content-type')?.split(';', 1).join('') ?? '';
}

function picked(
  headers: Headers,
  expected: Readonly<Record<string, string>>,
): Record<string, string> {
  const names = Object.keys(expected);
  return Object.fromEntries(names.map((name) => [name, headers.get(name) ?? 'absent']));
}

import { readFileSync, readdirSync } from 'node:fs';

/** One request and its answer, as the files in examples/ have them; tests replay each. */
interface Exchange {
  readonly name: string;
  readonly operationId: string;
  readonly summary: string;
  readonly request: { readonly contentType?: string; readonly body?: unknown };
  readonly response: {
    readonly status: number;
    readonly contentType?: string;
    readonly body?: unknown;
  };
}

interface Event {
  readonly type: string;
}

interface Example {
  readonly summary: string;
  readonly value: unknown;
}

interface MediaType {
  examples?: Record<string, Example>;
}

interface Operation {
  readonly operationId?: string;
  readonly requestBody?: { readonly content?: Record<string, MediaType> };
  readonly responses?: Record<string, { readonly content?: Record<string, MediaType> }>;
}

interface Document {
  readonly paths?: Record<string, Record<string, Operation>>;
}

/** Bodies that are wrong on purpose show an error and are no example of a request. */
const wrongRequests = new Set([400, 413, 415]);

/** Puts the exchanges of examples/ into the document, each under the operation it shows. */
export function withExamples(document: object): object {
  const { paths = {} } = document as Document;
  const operations = Object.values(paths).flatMap((methods) => Object.values(methods));
  for (const exchange of exchanges()) {
    const operation = operations.find(({ operationId }) => operationId === exchange.operationId);
    if (operation === undefined) throw new Error(`${exchange.name}: no such operation`);
    addRequest(operation, exchange);
    addResponse(operation, exchange);
  }
  return document;
}

function addRequest({ requestBody }: Operation, { name, summary, request, response }: Exchange) {
  const { contentType = '', body } = request;
  if (body === undefined || wrongRequests.has(response.status)) return;
  add(requestBody?.content?.[contentType], name, { summary, value: body });
}

function addResponse({ responses }: Operation, { name, summary, response }: Exchange): void {
  const { status, contentType = '', body } = response;
  const type = contentType.split(';', 1).join('');
  const media = responses?.[String(status)]?.content?.[type];
  if (body === undefined) return;
  if (type !== 'text/event-stream' && type !== 'application/x-ndjson') {
    add(media, name, { summary, value: body });
    return;
  }
  for (const event of eventsOf(typeof body === 'string' ? body : '')) {
    add(media, `${name}-${event.type}`, { summary: `${summary}: ${event.type}`, value: event });
  }
}

/** The schema of a stream is one event, so each event is an example. */
function eventsOf(stream: string): Event[] {
  const lines = stream.split('\n').map((line) => line.replace(/^data: /, ''));
  return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Event);
}

function add(media: MediaType | undefined, name: string, example: Example): void {
  if (media === undefined) return;
  media.examples = { ...media.examples, [name]: example };
}

function exchanges(): Exchange[] {
  const folder = new URL('examples/', import.meta.url);
  return readdirSync(folder).flatMap((file) => {
    const text = readFileSync(new URL(file, folder), 'utf8');
    return (JSON.parse(text) as { exchanges: Exchange[] }).exchanges;
  });
}

import { expect, it } from 'vitest';
import { Client } from '../routes/client.ts';
import { parseSse } from '../routes/events.ts';
import { RawConnection, parseResponse } from '../routes/raw-connection.ts';
import type { ServiceProgram } from '../routes/subprocess.ts';
import { startProgram, temporaryDirectory } from '../routes/subprocess.ts';
import { eventually } from '../support/eventually.ts';

/** Writes numbered lines until it is ended; its standard input stays silent and is its clock. */
const numberedLines = 'while :; do echo "line $((++i))"; read -t 0.02; done';

/** Who runs when the service is asked to stop: 20 children, nine of which do not heed it. */
const kinds = [
  { kind: 'writer', count: 6, argv: ['bash', '-c', numberedLines] },
  { kind: 'deaf-writer', count: 4, argv: ['bash', '-c', `trap "" TERM; ${numberedLines}`] },
  { kind: 'deaf', count: 5, argv: ['sh', '-c', 'trap "" TERM; echo ready; exec sleep 1000'] },
  { kind: 'cat', count: 5, argv: ['cat'] },
];

const children = kinds.flatMap(({ kind, count, argv }) =>
  Array.from({ length: count }, (_, index) => ({ process_id: `${kind}-${index}`, kind, argv })),
);

type Child = (typeof children)[number];

/** The streams of every child: a hundred of 20. */
const streamPaths = [
  'events?after_seq=0',
  'output?format=sse&after_seq=0',
  'events?format=ndjson&after_seq=0',
  'output?format=raw&follow=true',
  'wake?format=sse',
] as const;

/** What came over one connection: whole events, or the bare body. */
interface Part {
  readonly seqs: readonly number[];
  readonly types: readonly unknown[];
  readonly last: Readonly<Record<string, unknown>>;
  readonly body: string;
  readonly isComplete: boolean;
}

/** A reader, and the connection that it has now. */
interface Reader {
  readonly process_id: string;
  readonly path: (typeof streamPaths)[number];
  readonly connection: RawConnection;
}

async function read(
  client: Client,
  target: Pick<Reader, 'process_id' | 'path'>,
  lastEventId?: number,
): Promise<Reader> {
  const connection = await RawConnection.open(client);
  const header = lastEventId === undefined ? [] : [`last-event-id: ${lastEventId}`];
  const { process_id, path } = target;
  connection.request(`GET /processes/${process_id}/${path} HTTP/1.1`, ...header);
  return { ...target, connection };
}

function partOf({ path, connection }: Reader): Part {
  const { body, isComplete } = parseResponse(connection.text);
  const texts = path.includes('ndjson') ? body.split('\n').slice(0, -1).filter(Boolean) : [];
  const datas: unknown[] = path.includes('ndjson')
    ? texts.map((text): unknown => JSON.parse(text))
    : parseSse(isRaw(path) ? '' : body).frames.map(({ data }) => data);
  const events = datas.map((data) => new Map<string, unknown>(Object.entries(data ?? {})));
  const seqs = events.flatMap((event) => (event.has('seq') ? [Number(event.get('seq'))] : []));
  const last = Object.fromEntries(events.at(-1) ?? []);
  return { seqs, types: events.map((event) => event.get('type')), last, body, isComplete };
}

function isRaw(path: string): boolean {
  return path.includes('raw');
}

/** Opens the streams of all children; resolves when each has got something. */
async function openAll(client: Client): Promise<readonly Reader[]> {
  const readers = await Promise.all(
    children.flatMap(({ process_id }) =>
      streamPaths.map((path) => read(client, { process_id, path })),
    ),
  );
  await eventually(
    () => readers.filter((reader) => !hasBegun(reader)).length,
    (silent) => silent === 0,
  );
  expect(readers.length).toBe(100);
  return readers;
}

/** Whether a reader has got something of its process, not only a head. */
function hasBegun(reader: Reader): boolean {
  const { seqs, body } = partOf(reader);
  return isRaw(reader.path) ? body !== '' : seqs.some((seq) => seq > 0);
}

/** A body that goes on, a chunk every 20 ms, until it is answered. */
async function upload(client: Client, process_id: string): Promise<Upload> {
  const connection = await RawConnection.open(client);
  connection.request(
    `POST /processes/${process_id}/stdin HTTP/1.1`,
    'content-type: application/octet-stream',
    'transfer-encoding: chunked',
  );
  let sentBytes = 0;
  const timer = setInterval(() => {
    connection.write('5\r\nslow\n\r\n');
    sentBytes += 5;
  }, 20);
  const answered = connection.response().finally(() => {
    clearInterval(timer);
  });
  return { process_id, answer: answered.then((answer) => ({ ...answer, sentBytes })) };
}

interface Upload {
  readonly process_id: string;
  readonly answer: Promise<{ status: number; body: string; sentBytes: number }>;
}

/** The numbers from 1 on. */
function upTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

/** How the service ended, and what its log says above `info`. */
async function endOf(program: ServiceProgram): Promise<object> {
  const { code, stdout, stderr } = await program.ended;
  return { code, stderr, trouble: stdout.match(/^\{"level":[456]0.*$/gm) };
}

async function startAll(client: Client): Promise<readonly number[]> {
  const processes = await Promise.all(
    children.map(({ process_id, argv }) => client.start({ process_id, argv, pipe_stdin: true })),
  );
  return processes.map(({ pid }) => pid);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Every stream was cut, those of events after the word that the service goes. */
async function expectCut(readers: readonly Reader[]): Promise<void> {
  for (const reader of readers) {
    const { connection, path } = reader;
    const cut = await connection.ended();
    const { isComplete, last } = partOf(reader);
    const type = isRaw(path) ? undefined : 'draining';
    expect({ path, cut, isComplete, type: last['type'] }).toEqual({
      path,
      cut: 'fin',
      isComplete: false,
      type,
    });
  }
}

/** A reader that comes back gets what it has not had, to a clean end. */
async function expectRest(client: Client, reader: Reader): Promise<void> {
  const { process_id, path } = reader;
  const before = partOf(reader);
  const resumed = await read(client, reader, before.seqs.at(-1));
  await resumed.connection.response();
  const after = partOf(resumed);
  const { next_seq } = await client.process(process_id);
  expect(after.isComplete).toBe(true);
  if (isRaw(path)) {
    const { body } = await client.get(`/processes/${process_id}/output?format=raw`);
    expect(after.body).toBe(body);
    expect(after.body.slice(0, before.body.length)).toBe(before.body);
  } else if (path.startsWith('wake')) {
    expect(after.seqs).toEqual([next_seq - 1]);
  } else {
    expect([...before.seqs, ...after.seqs]).toEqual(upTo(next_seq - 1));
    expect(after.types.slice(-2)).toEqual(['exited', 'closed']);
    expect(after.last).toMatchObject({ exit_reason: 'server_shutdown' });
  }
}

/** A child was ended by the service, and what it wrote is there up to whole lines. */
async function expectEnded(client: Client, { process_id, kind }: Child): Promise<void> {
  expect(await client.process(process_id)).toMatchObject({
    state: 'closed',
    exit_reason: 'server_shutdown',
    signal: kind.startsWith('deaf') ? 'SIGKILL' : 'SIGTERM',
  });
  if (!kind.endsWith('writer')) return;
  const { body } = await client.get(`/processes/${process_id}/output?format=text`);
  const lines = String(body).split('\n').slice(0, -1);
  expect(lines).toEqual(upTo(lines.length).map((number) => `line ${number}`));
}

/** An upload was told how much of it was accepted, which is no less than what came out again. */
async function expectRefused(client: Client, { process_id, answer }: Upload): Promise<void> {
  const { status, body, sentBytes } = await answer;
  expect([status, JSON.parse(body)]).toMatchObject([409, { code: 'stdin_closed' }]);
  const accepted = Number(/"accepted_bytes":(\d+)/.exec(body)?.[1]);
  const { retained_bytes } = await client.process(process_id);
  expect(accepted).toBeGreaterThanOrEqual(retained_bytes);
  expect(accepted).toBeLessThanOrEqual(sentBytes);
}

it(
  'SIGTERM cuts every stream and answers every request, and the next service has the rest for each reader',
  { timeout: 90_000 },
  async () => {
    const bounds = { SHUTDOWN_GRACE_MS: 500, SHUTDOWN_MS_MAX: 15_000 };
    const settings = { DATA_DIR: temporaryDirectory(), ...bounds };
    const program = startProgram(settings);
    const client = new Client({ url: await program.url() });
    const pids = await startAll(client);
    const cats = children.filter(({ kind }) => kind === 'cat');
    const uploads = await Promise.all(cats.map(({ process_id }) => upload(client, process_id)));
    const readers = await openAll(client);
    const longPolls = upTo(20).map((number) => {
      const route = number % 2 === 0 ? 'output' : 'wake';
      return client.get(`/processes/deaf-${number % 5}/${route}?after_seq=1&wait_ms=60000`);
    });
    await client.get('/livez');

    program.child.kill('SIGTERM');
    expect(await endOf(program)).toEqual({ code: 0, stderr: '', trouble: null });
    expect(pids.filter(isAlive)).toEqual([]);
    await expectCut(readers);
    for (const { status, body } of await Promise.all(longPolls)) {
      expect([status, body]).toMatchObject([200, { next_seq: 2, closed: false }]);
    }

    await startProgram({ ...settings, PORT: new URL(client.url).port }).url();
    await Promise.all(readers.map((reader) => expectRest(client, reader)));
    await Promise.all(children.map((child) => expectEnded(client, child)));
    await Promise.all(uploads.map((each) => expectRefused(client, each)));
  },
);

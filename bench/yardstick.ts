// The yardstick of all comparisons: the least that Node does to run a child over HTTP.
// No log, no events, no resume: `child.stdout.pipe(response)`.
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';

const children = new Map<string, ChildProcess>();

const server = createServer((request, response) => {
  void answer(request, response);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  process.stdout.write(
    `${JSON.stringify({ msg: 'listening', url: `http://127.0.0.1:${port ?? 0}` })}\n`,
  );
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, route = '', id = ''] = (request.url ?? '').split('/');
  const { stdout, stdin } = children.get(id) ?? {};
  if (route === 'run') {
    spawnChild(await argvOf(request), 'ignore').stdout?.pipe(response);
  } else if (route === 'start') {
    const child = spawnChild(await argvOf(request), 'pipe');
    children.set(String(child.pid), child);
    response.end(String(child.pid));
  } else if (route === 'follow') {
    response.flushHeaders();
    stdout?.pipe(response);
  } else {
    if (route === 'go') stdin?.end();
    response.end('{}');
  }
}

function spawnChild(
  [command = '', ...args]: readonly string[],
  stdin: 'pipe' | 'ignore',
): ChildProcess {
  const child = spawn(command, args, { stdio: [stdin, 'pipe', 'pipe'], detached: true });
  child.stdout?.setMaxListeners(0);
  child.stderr?.resume();
  return child;
}

async function argvOf(request: IncomingMessage): Promise<readonly string[]> {
  const pieces: Buffer[] = [];
  for await (const piece of request) if (Buffer.isBuffer(piece)) pieces.push(piece);
  const body: unknown = JSON.parse(Buffer.concat(pieces).toString());
  if (typeof body !== 'object' || body === null || !('argv' in body)) return [];
  return Array.isArray(body.argv) ? body.argv.map(String) : [];
}

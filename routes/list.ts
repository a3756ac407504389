import { listProcesses } from '../src/protocol/list.ts';
import { toProcess } from '../src/protocol/process.ts';
import type { RouteContext } from '../src/http/route-context.ts';

/** `GET /processes` */
export function list({ app, backend }: RouteContext): void {
  app.get('/processes', { schema: listProcesses }, async ({ query }) => {
    const { label = [], ...rest } = query;
    const { processes, next_cursor } = await backend.list({ ...rest, labels: label.map(pairOf) });
    return { processes: processes.map(toProcess), next_cursor };
  });
}

function pairOf(label: string): readonly [string, string] {
  const at = label.indexOf('=');
  return [label.slice(0, at), label.slice(at + 1)];
}

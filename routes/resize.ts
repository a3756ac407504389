import { toProcess } from '../src/protocol/process.ts';
import { resizeTerminal } from '../src/protocol/resize.ts';
import type { RouteContext } from '../src/http/route-context.ts';

/** `POST /processes/{process_id}/resize` */
export function resize({ app, backend }: RouteContext): void {
  const url = '/processes/:process_id/resize';
  app.post(url, { schema: resizeTerminal }, async ({ params, body }) => {
    const process = await backend.get(params.process_id);
    return toProcess(await process.resize(body));
  });
}

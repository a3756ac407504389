import { toProcess } from '../src/protocol/process.ts';
import { signalProcess } from '../src/protocol/signal.ts';
import type { RouteContext } from '../src/http/route-context.ts';

/** `POST /processes/{process_id}/signal` */
export function signal({ app, backend }: RouteContext): void {
  const url = '/processes/:process_id/signal';
  app.post(url, { schema: signalProcess }, async ({ params, body }) => {
    const process = await backend.get(params.process_id);
    return toProcess(await process.signal(body));
  });
}

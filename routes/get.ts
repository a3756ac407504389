import { getProcess } from '../src/protocol/get.ts';
import { toProcess } from '../src/protocol/process.ts';
import type { RouteContext } from '../src/http/route-context.ts';

/** `GET /processes/{process_id}` */
export function get({ app, backend }: RouteContext): void {
  app.get('/processes/:process_id', { schema: getProcess }, async ({ params }) => {
    const process = await backend.get(params.process_id);
    return toProcess(await process.snapshot());
  });
}

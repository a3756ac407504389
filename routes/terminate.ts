import { goneSignal } from '../src/http/exchange.ts';
import { toProcess } from '../src/protocol/process.ts';
import { terminateProcess } from '../src/protocol/terminate.ts';
import type { RouteContext } from '../src/http/route-context.ts';

/** `POST /processes/{process_id}/terminate` */
export function terminate({ app, backend }: RouteContext): void {
  const url = '/processes/:process_id/terminate';
  const options = { schema: terminateProcess, config: { emptyBody: {} } };
  app.post(url, options, async ({ params, body }, reply) => {
    const process = await backend.get(params.process_id);
    const { survivors, ...rest } = await process.terminate(body, goneSignal(reply));
    return { ...toProcess(rest), survivors: [...survivors] };
  });
}

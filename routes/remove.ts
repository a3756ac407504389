import { removeProcess } from '../src/protocol/remove.ts';
import type { RouteContext } from '../src/http/route-context.ts';

/** `DELETE /processes/{process_id}` */
export function remove({ app, backend }: RouteContext): void {
  app.delete('/processes/:process_id', { schema: removeProcess }, async (request, reply) => {
    const { force = false } = request.query;
    await backend.remove(request.params.process_id, { force });
    return reply.code(204).send(null);
  });
}

import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { Static } from '@sinclair/typebox';
import { ProcessionError } from '../src/errors.ts';
import type { WriteParams } from '../src/exec-types.ts';
import { strictBase64 } from '../src/http/base64.ts';
import { Upload, acceptUploads } from '../src/http/upload.ts';
import type { WriteRequest } from '../src/protocol/write.ts';
import { writeStdin } from '../src/protocol/write.ts';
import type { RouteContext } from '../src/http/route-context.ts';

/** `POST /processes/{process_id}/stdin` */
export function write({ app, backend, uploadMsMax }: RouteContext): void {
  void app.register((scope, _options, done) => {
    acceptUploads(scope, uploadMsMax);
    const route = scope.withTypeProvider<TypeBoxTypeProvider>();
    route.post('/processes/:process_id/stdin', { schema: writeStdin }, async (request) => {
      const { params, query, headers, body } = request;
      const process = await backend.get(params.process_id);
      const write_id = headers['write-id'];
      const named = { ...query, ...(write_id === undefined ? {} : { write_id }) };
      return process.write(
        body instanceof Upload ? { ...named, chunk: body } : fromJson({ ...named, ...body }),
      );
    });
    done();
  });
}

function fromJson({
  chunk,
  text,
  write_id,
  eof = false,
}: Static<typeof WriteRequest>): WriteParams {
  if (chunk !== undefined && text !== undefined) {
    throw invalid('give chunk or text, not both');
  }
  if (chunk === undefined && text === undefined && !eof) {
    throw invalid('give chunk, text or eof');
  }
  const bytes = chunk === undefined ? Buffer.from(text ?? '', 'utf8') : strictBase64(chunk);
  return { chunk: bytes, eof, ...(write_id === undefined ? {} : { write_id }) };
}

function invalid(detail: string): ProcessionError {
  return new ProcessionError('invalid_request', detail, { errors: [{ pointer: '', detail }] });
}

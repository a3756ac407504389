import { ProcessionError } from '../errors.ts';

/** The bytes that standard base64 with its padding says (RFC 4648, section 4); nothing else. */
export function strictBase64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') === text) return bytes;
  throw new ProcessionError('invalid_request', 'chunk is not base64 with its padding', {
    errors: [{ pointer: '/chunk', detail: 'must be base64 with its padding' }],
  });
}

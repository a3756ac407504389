/** One SSE frame as a client that follows the WHATWG grammar has it. */
export interface Frame {
  readonly event: string;
  readonly data: unknown;
  readonly id: string | null;
}

/** What a stream held, in order. */
export interface SseText {
  readonly frames: readonly Frame[];
  readonly retries: readonly number[];
  readonly comments: number;
}

/** Parses the text of an event stream as the WHATWG grammar says; data is JSON. */
export function parseSse(text: string): SseText {
  const frames: Frame[] = [];
  const retries: number[] = [];
  let comments = 0;
  let fields = new Map<string, string>();
  for (const line of text.split(/\r\n|\r|\n/).slice(0, -1)) {
    const { name, value } = fieldOf(line);
    if (line === '') {
      const data = fields.get('data');
      if (data !== undefined) frames.push(frameOf(fields, data));
      fields = new Map();
    } else if (name === '') comments += 1;
    else if (name === 'retry') retries.push(Number(value));
    else if (name === 'data' && fields.has('data'))
      fields.set(name, `${fields.get(name) ?? ''}\n${value}`);
    else fields.set(name, value);
  }
  return { frames, retries, comments };
}

function fieldOf(line: string): { name: string; value: string } {
  const at = line.indexOf(':');
  if (at === -1) return { name: line, value: '' };
  return { name: line.slice(0, at), value: line.slice(at + 1).replace(/^ /, '') };
}

function frameOf(fields: ReadonlyMap<string, string>, data: string): Frame {
  return {
    event: fields.get('event') ?? 'message',
    data: JSON.parse(data) as unknown,
    id: fields.get('id') ?? null,
  };
}

/** A streamed body, and how it ended: an abrupt end has no last chunk. */
export interface Streamed {
  readonly text: string;
  readonly end: 'clean' | 'abrupt';
}

/** Reads a streamed body to its end. */
export async function readAll(response: Response): Promise<Streamed> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let text = '';
  try {
    for await (const piece of response.body ?? [])
      text += decoder.decode(piece as Uint8Array, { stream: true });
    return { text, end: 'clean' };
  } catch {
    return { text, end: 'abrupt' };
  }
}

/** The frames of a stream that is read to its end, and how it ended. */
export async function readFrames(
  response: Response,
): Promise<{ frames: readonly Frame[]; end: Streamed['end'] }> {
  const { text, end } = await readAll(response);
  return { frames: parseSse(text).frames, end };
}

/** The frame of an output event of text. */
export function output(seq: number, chunk: string, stream = 'stdout'): Frame {
  const data = { type: 'output', seq, stream, encoding: 'utf8', chunk };
  return { event: 'output', data, id: String(seq) };
}

const exit = { exit_code: 0, signal: null, exit_reason: 'exited' };

/** The last two frames of a process that ended with exit code 0. */
export function ending(exitSeq: number): readonly Frame[] {
  const seq = exitSeq + 1;
  return [
    { event: 'exited', data: { type: 'exited', seq: exitSeq, ...exit }, id: String(exitSeq) },
    {
      event: 'closed',
      data: { type: 'closed', seq, ...exit, output_incomplete: false },
      id: String(seq),
    },
  ];
}

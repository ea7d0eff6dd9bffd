// A client of gRPC-Web, written from the protocol's text and not from the proxy's code.

/** One message of gRPC, not compressed. */
export function message(content: Buffer | string): Buffer {
  const bytes = Buffer.from(content);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

/** Bytes that are the same in every run. */
export function randomBytes(length: number): Buffer {
  let seed = length + 1;
  const next = (): number => (seed = (seed * 1_103_515_245 + 12_345) & 0x7f_ff_ff_ff) >> 16;
  return Buffer.from(Array.from({ length }, next));
}

export interface WebAnswer {
  messages: string[];
  /** Of the last frame; undefined: there was none. */
  trailers: Record<string, string> | undefined;
}

/** Reads a whole body; throws where it is not what the protocol says. */
export function readWeb(body: Buffer, isText: boolean): WebAnswer {
  let rest = isText ? fromText(body.toString('latin1')) : body;
  const answer: WebAnswer = { messages: [], trailers: undefined };
  while (rest.length > 0) {
    if (answer.trailers !== undefined) throw new Error('something follows the trailers');
    if (rest.length < 5) throw new Error('half a prefix');
    const length = rest.readUInt32BE(1);
    if (rest.length < 5 + length) throw new Error('half a message');
    const content = rest.subarray(5, 5 + length).toString('latin1');
    if (rest[0] === 0x80) answer.trailers = fieldsOf(content);
    else if (rest[0] === 0) answer.messages.push(content);
    else throw new Error(`a message with the flags ${rest[0]}`);
    rest = rest.subarray(5 + length);
  }
  return answer;
}

/** Pieces of base64, each with its padding. */
function fromText(text: string): Buffer {
  const groups = text.match(/[A-Za-z0-9+/]{2}(?:==|[A-Za-z0-9+/]=|[A-Za-z0-9+/]{2})/g) ?? [];
  if (groups.join('') !== text) throw new Error(`no base64: ${text}`);
  return Buffer.concat(groups.map((group) => Buffer.from(group, 'base64')));
}

function fieldsOf(text: string): Record<string, string> {
  if (text !== '' && !text.endsWith('\r\n')) throw new Error('half a field');
  const fields = text.split('\r\n').slice(0, -1);
  return Object.fromEntries(
    fields.map((field) => {
      const [, name, value] = /^([a-z0-9_.-]+): (.*)$/.exec(field) ?? [];
      if (name === undefined || value === undefined) throw new Error(`no field: ${field}`);
      return [name, value];
    }),
  );
}

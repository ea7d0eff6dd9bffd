/** Builds ClientHellos byte by byte, right and wrong. */

export interface HelloParts {
  /** Bytes of a host_name; absent: no extension for it. */
  serverName?: string;
  /** In place of the whole extension's content. */
  nameExtension?: Buffer;
  extensions?: readonly (readonly [type: number, content: Buffer])[];
  sessionId?: Buffer;
  suites?: Buffer;
  compressions?: Buffer;
  /** Behind everything, inside the message. */
  rest?: Buffer;
  hasExtensions?: boolean;
}

export function vector(lengthBytes: 1 | 2 | 3, content: Buffer): Buffer {
  const length = Buffer.alloc(lengthBytes);
  length.writeUIntBE(content.length, 0, lengthBytes);
  return Buffer.concat([length, content]);
}

export function nameExtension(serverName: string): Buffer {
  const name = vector(2, Buffer.from(serverName, 'latin1'));
  return vector(2, Buffer.concat([Buffer.from([0]), name]));
}

function extension([type, content]: readonly [number, Buffer]): Buffer {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(type);
  return Buffer.concat([head, vector(2, content)]);
}

/** The handshake message, without its record. */
export function message(parts: HelloParts = {}): Buffer {
  const { serverName, extensions = [], hasExtensions = true } = parts;
  const named =
    parts.nameExtension ?? (serverName === undefined ? undefined : nameExtension(serverName));
  const all = [...(named === undefined ? [] : [[0, named] as const]), ...extensions];
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 0xaa),
    vector(1, parts.sessionId ?? Buffer.alloc(32, 1)),
    vector(2, parts.suites ?? Buffer.from([0x13, 0x01])),
    vector(1, parts.compressions ?? Buffer.from([0])),
    ...(hasExtensions ? [vector(2, Buffer.concat(all.map(extension)))] : []),
    parts.rest ?? Buffer.alloc(0),
  ]);
  return Buffer.concat([Buffer.from([1]), vector(3, body)]);
}

/** In records of at most so many bytes. */
export function records(content: Buffer, size = 16_384): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at < content.length; at += size) {
    const part = content.subarray(at, at + size);
    pieces.push(Buffer.from([22, 3, 1]), vector(2, part));
  }
  return Buffer.concat(pieces);
}

// A tiny writer of HTTP/2 frames, for what node's client refuses to send.
import { type Socket, connect } from 'node:net';
import { eventually } from '#test/eventually.ts';
import { onTestFinished } from 'vitest';

export async function until(isSo: () => boolean): Promise<void> {
  const what = isSo.toString();
  await eventually(() => isSo() || undefined, { timeoutMs: 5_000, what, everyMs: 10 });
}

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
export const TYPE = {
  ...{ data: 0, headers: 1, priority: 2, reset: 3, settings: 4, push: 5, ping: 6 },
  ...{ goaway: 7, windowUpdate: 8, continuation: 9 },
} as const;
export const END_STREAM = 1;
export const END_HEADERS = 4;

export interface Frame {
  type: number;
  flags: number;
  stream: number;
  payload: Buffer;
}

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.of(),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export const settings = (): Buffer => frame(TYPE.settings, 0, 0);

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Literals without indexing and without Huffman (RFC 7541 section 6.2.2). */
export function block(fields: readonly (readonly [string, string])[]): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of fields) {
    parts.push(Buffer.of(0), lengthOf(name), Buffer.from(name, 'latin1'));
    parts.push(lengthOf(value), Buffer.from(value, 'latin1'));
  }
  return Buffer.concat(parts);
}

function lengthOf(text: string): Buffer {
  if (text.length < 127) return Buffer.of(text.length);
  const bytes = [127];
  let rest = text.length - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}

export const GET: readonly (readonly [string, string])[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':authority', 'shop.example'],
  [':path', '/'],
];

export const headers = (
  stream: number,
  fields: readonly (readonly [string, string])[],
  flags = END_STREAM | END_HEADERS,
): Buffer => frame(TYPE.headers, flags, stream, block(fields));

export class RawClient {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  closed = false;
  #bytes: Buffer<ArrayBufferLike> = Buffer.of();

  constructor(port: number, localAddress = '127.0.0.1') {
    this.socket = connect({ host: '127.0.0.1', port, localAddress });
    this.socket.on('error', () => this.socket.destroy());
    this.socket.on('close', () => (this.closed = true));
    this.socket.on('data', (chunk: Buffer) => this.#read(chunk));
    onTestFinished(() => {
      this.socket.destroy();
    });
  }

  send(...parts: Buffer[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(parts));
  }

  /** What was sent is taken, or never will be. */
  async drained(): Promise<void> {
    const { socket } = this;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        socket.off('drain', done).off('close', done);
        resolve();
      };
      socket.on('drain', done).on('close', done);
    });
  }

  of(type: number, stream?: number): Frame[] {
    return this.frames.filter(
      (each) => each.type === type && (stream === undefined || each.stream === stream),
    );
  }

  /** The code of the last GOAWAY, or of the RST_STREAM of a stream. */
  get goaway(): number | undefined {
    return this.of(TYPE.goaway).at(-1)?.payload.readUInt32BE(4);
  }

  reset(stream: number): number | undefined {
    return this.of(TYPE.reset, stream)[0]?.payload.readUInt32BE(0);
  }

  #read(chunk: Buffer<ArrayBufferLike>): void {
    const { frames, rest } = readFrames(Buffer.concat([this.#bytes, chunk]));
    this.frames.push(...frames);
    this.#bytes = rest;
  }
}

/** The whole frames of what came so far, and what is left. */
export function readFrames(bytes: Buffer): { frames: Frame[]; rest: Buffer } {
  const frames: Frame[] = [];
  let rest = bytes;
  while (rest.length >= 9) {
    const end = 9 + rest.readUIntBE(0, 3);
    if (rest.length < end) break;
    frames.push({
      type: rest[3] ?? 0,
      flags: rest[4] ?? 0,
      stream: rest.readUInt32BE(5),
      payload: rest.subarray(9, end),
    });
    rest = rest.subarray(end);
  }
  return { frames, rest };
}

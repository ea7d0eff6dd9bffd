/**
 * The beginning of a TLS connection, read without ending TLS: the server name that the client asks
 * for (RFC 6066 section 3) decides who gets the connection, and with which certificate.
 */

/** What a ClientHello says that matters before the handshake. */
export interface ClientHello {
  /** Lower case, without a final dot; empty when the client names none. */
  serverName: string;
}

/** `not_tls`: the first byte begins no handshake; the others are alerts of RFC 8446 section 6. */
export type HelloFailure = 'not_tls' | 'decode_error' | 'record_overflow' | 'unrecognized_name';

export const HELLO_LIMITS = {
  /** The handshake message; those of today's clients, post-quantum keys and all, have 2 KiB. */
  messageBytes: 16 * 1024,
  /** With the headers of its records, whose fragments may be as small as a byte. */
  totalBytes: 32 * 1024,
} as const;

const RECORD_HEADER_BYTES = 5;
const RECORD_BYTES_MAX = 16 * 1024;
const MESSAGE_HEADER_BYTES = 4;
const CONTENT_HANDSHAKE = 22;
const TYPE_CLIENT_HELLO = 1;
const VERSION_MAJOR = 3;
const EXTENSION_SERVER_NAME = 0;
const NAME_HOST = 0;
const NAME_BYTES_MAX = 253;
const RANDOM_BYTES = 32;
const SESSION_ID_BYTES_MAX = 32;

/**
 * Takes the bytes of a connection as they come, cut anywhere and spread over any number of records,
 * until the ClientHello is complete. Each byte is looked at once. Of what follows it nothing is
 * read; `bytes` has all that came, for whoever speaks TLS then.
 */
export class ClientHelloReader {
  readonly #chunks: Buffer[] = [];
  #read = 0;
  readonly #recordHeader = Buffer.alloc(RECORD_HEADER_BYTES);
  #recordHeaderLength = 0;
  /** Of the current record, still to come. */
  #recordLeft = 0;
  #message = Buffer.alloc(MESSAGE_HEADER_BYTES);
  #messageLength = 0;
  hello: ClientHello | undefined;

  /** Everything that was pushed. */
  get bytes(): Buffer {
    const [first, ...more] = this.#chunks;
    return first !== undefined && more.length === 0 ? first : Buffer.concat(this.#chunks);
  }

  /** After `done` or a failure nothing may be pushed any more. */
  push(chunk: Buffer): 'more' | 'done' | HelloFailure {
    this.#chunks.push(chunk);
    let at = 0;
    while (at < chunk.length) {
      if (this.#recordLeft === 0) {
        const failure = this.#readHeaderByte(chunk[at] ?? 0);
        if (failure !== undefined) return failure;
        this.#read++;
        at++;
      } else {
        const length = Math.min(this.#recordLeft, chunk.length - at);
        const state = this.#take(chunk, at, length);
        if (state !== 'more') return state;
        this.#recordLeft -= length;
        this.#read += length;
        at += length;
      }
    }
    return 'more';
  }

  #readHeaderByte(byte: number): HelloFailure | undefined {
    const header = this.#recordHeader;
    header[this.#recordHeaderLength++] = byte;
    if (this.#recordHeaderLength === 1 && byte !== CONTENT_HANDSHAKE) {
      return this.#read === 0 ? 'not_tls' : 'decode_error';
    }
    if (this.#recordHeaderLength === 2 && byte !== VERSION_MAJOR) return 'decode_error';
    if (this.#recordHeaderLength < RECORD_HEADER_BYTES) return undefined;
    this.#recordHeaderLength = 0;
    this.#recordLeft = header.readUInt16BE(3);
    const isTooLong = this.#read + this.#recordLeft > HELLO_LIMITS.totalBytes;
    if (this.#recordLeft > RECORD_BYTES_MAX || isTooLong) return 'record_overflow';
    // RFC 8446 section 5.1: no handshake message has a fragment of no bytes.
    return this.#recordLeft === 0 ? 'decode_error' : undefined;
  }

  #take(chunk: Buffer, from: number, length: number): 'more' | 'done' | HelloFailure {
    let at = from;
    const end = from + length;
    if (this.#messageLength < MESSAGE_HEADER_BYTES) {
      const taken = Math.min(MESSAGE_HEADER_BYTES - this.#messageLength, end - at);
      chunk.copy(this.#message, this.#messageLength, at, at + taken);
      this.#messageLength += taken;
      at += taken;
      if (this.#message[0] !== TYPE_CLIENT_HELLO) return 'decode_error';
      if (this.#messageLength < MESSAGE_HEADER_BYTES) return 'more';
      const bytes = this.#message.readUIntBE(1, 3);
      if (bytes > HELLO_LIMITS.messageBytes) return 'record_overflow';
      this.#message = Buffer.alloc(MESSAGE_HEADER_BYTES + bytes);
    }
    // What follows in the record is not the first message's; whoever speaks TLS will judge it.
    const taken = Math.min(this.#message.length - this.#messageLength, end - at);
    chunk.copy(this.#message, this.#messageLength, at, at + taken);
    this.#messageLength += taken;
    if (this.#messageLength < this.#message.length) return 'more';
    const hello = readHello(this.#message.subarray(MESSAGE_HEADER_BYTES));
    if (typeof hello === 'string') return hello;
    this.hello = hello;
    return 'done';
  }
}

/** RFC 8446 section 4.1.2, whose form all versions share. */
function readHello(body: Buffer): ClientHello | HelloFailure {
  const cursor = new Cursor(body);
  cursor.skip(2 + RANDOM_BYTES);
  const sessionId = cursor.vector(1);
  const suites = cursor.vector(2);
  const compressions = cursor.vector(1);
  if (sessionId === undefined || suites === undefined || compressions === undefined) {
    return 'decode_error';
  }
  if (sessionId.length > SESSION_ID_BYTES_MAX || suites.length === 0 || suites.length % 2 !== 0) {
    return 'decode_error';
  }
  if (compressions.length === 0) return 'decode_error';
  // TLS 1.2 without extensions ends here.
  if (cursor.left === 0) return { serverName: '' };
  const extensions = cursor.vector(2);
  if (extensions === undefined || cursor.left > 0) return 'decode_error';
  return readExtensions(new Cursor(extensions));
}

function readExtensions(cursor: Cursor): ClientHello | HelloFailure {
  const seen = new Set<number>();
  let serverName = '';
  while (cursor.left > 0) {
    const type = cursor.number(2);
    const data = cursor.vector(2);
    if (type === undefined || data === undefined || seen.has(type)) return 'decode_error';
    seen.add(type);
    if (type !== EXTENSION_SERVER_NAME) continue;
    const name = readServerName(new Cursor(data));
    if (typeof name !== 'object') return name;
    ({ serverName } = name);
  }
  return { serverName };
}

/** One name of the type that exists; more of it, or others, no client sends. */
function readServerName(cursor: Cursor): ClientHello | HelloFailure {
  const list = cursor.vector(2);
  if (list === undefined || cursor.left > 0) return 'decode_error';
  const names = new Cursor(list);
  const type = names.number(1);
  const name = names.vector(2);
  if (type !== NAME_HOST || name === undefined || names.left > 0) return 'decode_error';
  const isFull = name.at(-1) === DOT;
  const text = isFull ? name.subarray(0, -1) : name;
  if (text.length === 0 || text.length > NAME_BYTES_MAX) return 'unrecognized_name';
  for (const byte of text) if (!isNameByte(byte)) return 'unrecognized_name';
  return { serverName: text.toString('latin1').toLowerCase() };
}

const DOT = 0x2e;

/** Letters, digits, `-`, `.` and, since it is in use, `_`. */
function isNameByte(byte: number): boolean {
  const letter = byte | 0x20;
  if (letter >= 0x61 && letter <= 0x7a) return byte >= 0x41;
  return (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === DOT || byte === 0x5f;
}

/** Reads numbers and vectors with their length in front; undefined beyond the end. */
class Cursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return Math.max(0, this.#bytes.length - this.#at);
  }

  skip(length: number): void {
    this.#at += length;
  }

  number(size: 1 | 2): number | undefined {
    if (this.left < size) return undefined;
    const value = this.#bytes.readUIntBE(this.#at, size);
    this.#at += size;
    return value;
  }

  vector(lengthSize: 1 | 2): Buffer | undefined {
    const length = this.number(lengthSize);
    if (length === undefined || this.left < length) return undefined;
    const start = this.#at;
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }
}

import { STATUS_CODES } from 'node:http';
import type { ClientStream } from '../forward/client.ts';
import type { Exchange, Reply } from '../exchange.ts';
import type { HeaderList } from '../headers.ts';

/** An unread request body up to this size is read and dropped; beyond it the connection ends. */
const UNREAD_BYTES_MAX = 1024 * 1024;

/** The proxy's own answer: RFC 9457 problem details that tell nothing about the inside. */
export function sendReply(
  client: ClientStream,
  exchange: Exchange,
  reply: Reply,
  close: boolean,
): void {
  const body = Buffer.from(problemBody(reply.status, reply.message));
  const raw = ['server', 'windrose', 'content-type', 'application/problem+json'];
  for (const [name, value] of reply.headers ?? []) raw.push(name, value);
  raw.push('content-length', String(body.length));
  if (close || bodyIsLarge(client)) raw.push('connection', 'close');
  exchange.status = reply.status;
  exchange.reason = reply.reason;
  if (exchange.request.method !== 'HEAD') exchange.bytesOut += body.length;
  client.response.writeHead(reply.status, STATUS_CODES[reply.status] ?? '', raw);
  client.response.end(body);
}

/** The upstream's status and fields, before its body. */
export function sendHead(
  client: ClientStream,
  exchange: Exchange,
  status: number,
  headers: HeaderList,
  close: boolean,
): void {
  const raw = headers.toRaw();
  if (close) raw.push('connection', 'close');
  exchange.status = status;
  client.response.writeHead(status, STATUS_CODES[status] ?? '', raw);
}

/** An answer for bytes that the parser gave up on, written without it. */
export function rawReply(status: number, message: string): string {
  const body = problemBody(status, message);
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'server: windrose',
    `date: ${new Date().toUTCString()}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    '',
    body,
  ].join('\r\n');
}

function problemBody(status: number, detail: string): string {
  const title = STATUS_CODES[status] ?? 'Error';
  return JSON.stringify({ type: 'about:blank', title, status, detail });
}

function bodyIsLarge(client: ClientStream): boolean {
  const { request } = client;
  if (request.complete) return false;
  const length = request.headers['content-length'];
  if (length === undefined) return request.headers['transfer-encoding'] !== undefined;
  return Number(length) > UNREAD_BYTES_MAX;
}

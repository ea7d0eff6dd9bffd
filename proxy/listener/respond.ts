import { HEADERS } from '#contracts/headers.ts';
import type { Exchange, Reply } from '../exchange.ts';
import { HeaderList } from '../headers.ts';
import { STATUS_CODES } from '../node-http.ts';
import type { ClientStream } from '../stream.ts';
import { httpDate } from './date.ts';

/** The proxy's own answer: RFC 9457 problem details that tell nothing about the inside. */
export function sendReply(
  client: ClientStream,
  exchange: Exchange,
  reply: Reply,
  close: boolean,
): void {
  const body = Buffer.from(problemBody(reply.status, reply.message));
  const headers = new HeaderList();
  headers.add('server', 'windrose');
  headers.add('date', httpDate());
  headers.add('content-type', 'application/problem+json');
  headers.add(HEADERS.requestId, exchange.requestId);
  for (const [name, value] of reply.headers ?? []) headers.add(name, value);
  headers.add('content-length', String(body.length));
  exchange.status = reply.status;
  exchange.reason = reply.reason;
  client.head({ status: reply.status, headers, length: body.length, close });
  if (exchange.request.method !== 'HEAD') {
    exchange.bytesOut += body.length;
    client.body(body);
  }
  client.drop();
  client.finish(undefined);
}

/** An answer for bytes that the parser gave up on. */
export function rawReply(status: number, message: string): string {
  const body = problemBody(status, message);
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'server: windrose',
    `date: ${httpDate()}`,
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

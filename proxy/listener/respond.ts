import { HEADERS } from '#contracts/headers.ts';
import { ERRORS, type ErrorRow } from '../errors.ts';
import type { Exchange, Reply } from '../exchange.ts';
import { sendGrpcReply } from '../grpc/reply.ts';
import { HeaderList } from '../headers.ts';
import { ALLOW } from '../methods.ts';
import { STATUS_CODES } from '../node-http.ts';
import type { ClientStream } from '../stream.ts';
import { httpDate } from './date.ts';

/**
 * The proxy's own answer: RFC 9457 problem details that tell nothing about the inside, or the
 * status of a call of gRPC. `mustClose`: the connection is closed also where the table of errors
 * would keep it.
 */
export function sendReply(
  client: ClientStream,
  exchange: Exchange,
  reply: Reply,
  mustClose: boolean,
): void {
  const close = mustClose || ERRORS[reply.cause].connection === 'closed';
  if (exchange.isGrpc) {
    sendGrpcReply(client, exchange, reply, close);
    return;
  }
  const body = Buffer.from(problemBody(reply));
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

/**
 * An OPTIONS whose Max-Forwards is used up goes no further: this proxy is its last recipient, and
 * says what it can do (RFC 9110 sections 7.6.2 and 9.3.7).
 */
export function sendOptions(client: ClientStream, exchange: Exchange, close: boolean): void {
  const headers = new HeaderList();
  headers.add('server', 'windrose');
  headers.add('date', httpDate());
  headers.add(HEADERS.requestId, exchange.requestId);
  headers.add(...ALLOW);
  headers.add('content-length', '0');
  exchange.status = 200;
  client.head({ status: 200, headers, length: 0, close });
  client.drop();
  client.finish(undefined);
}

/** An answer for bytes that the parser gave up on. */
export function rawReply(row: ErrorRow): string {
  const { status } = row;
  const body = problemBody(row);
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

type Problem = Pick<ErrorRow, 'status' | 'reason' | 'message'>;

function problemBody({ status, reason, message: detail }: Problem): string {
  const title = STATUS_CODES[status] ?? 'Error';
  return JSON.stringify({ type: 'about:blank', title, status, detail, reason });
}

import type { Duplex } from 'node:stream';
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
 * The proxy's own answer: RFC 9457 problem details that tell nothing about the inside, the status
 * of a call of gRPC, or a head alone where nothing is wrong. `mustClose`: the connection is closed
 * also where the table of errors would keep it.
 */
export function sendReply(
  client: ClientStream,
  exchange: Exchange,
  reply: Reply,
  mustClose: boolean,
): void {
  // What follows a CONNECT may be of the tunnel already.
  const isConnect = exchange.request.isStream === true;
  const close = mustClose || isConnect || ERRORS[reply.cause].connection === 'closed';
  if (exchange.isGrpc || exchange.web !== undefined) {
    sendGrpcReply(client, exchange, reply, close);
    return;
  }
  // Who is told where to go, or that it may ask, needs no description of a problem.
  const body = reply.status < 400 ? undefined : Buffer.from(problemBody(reply));
  const length = body?.length ?? 0;
  const headers = new HeaderList();
  headers.add('server', 'windrose');
  headers.add('date', httpDate());
  if (body !== undefined) headers.add('content-type', 'application/problem+json');
  headers.add(HEADERS.requestId, exchange.requestId);
  for (const [name, value] of reply.headers ?? []) headers.add(name, value);
  // RFC 9110 section 8.6: a 204 has no length.
  if (reply.status !== 204) headers.add('content-length', String(length));
  exchange.status = reply.status;
  exchange.reason = reply.reason;
  client.head({ status: reply.status, headers, length, close });
  if (body !== undefined && exchange.request.method !== 'HEAD') {
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

/** The answer to a CONNECT whose tunnel stands; what comes behind it is the tunnel's. */
export function openConnect(client: ClientStream, exchange: Exchange): Duplex {
  const headers = new HeaderList();
  headers.add('server', 'windrose');
  headers.add('date', httpDate());
  headers.add(HEADERS.requestId, exchange.requestId);
  exchange.status = 200;
  return client.tunnel({ status: 200, headers, length: undefined, close: false });
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

import { HEADERS } from '#contracts/headers.ts';
import type { Exchange, Reply } from '../exchange.ts';
import { HeaderList } from '../headers.ts';
import { httpDate } from '../listener/date.ts';
import type { ClientStream } from '../stream.ts';
import { GRPC } from './protocol.ts';
import { grpcStatusOf } from './status.ts';
import { webType } from './web.ts';

/**
 * The proxy's own answer to a call: a head that is the trailers as well, with HTTP's 200, as
 * grpc/doc/PROTOCOL-HTTP2.md has it, and PROTOCOL-WEB.md likewise.
 */
export function sendGrpcReply(
  client: ClientStream,
  exchange: Exchange,
  reply: Reply,
  close: boolean,
): void {
  const headers = new HeaderList();
  headers.add('server', 'windrose');
  headers.add('date', httpDate());
  headers.add('content-type', exchange.web === undefined ? GRPC : webType(exchange.web));
  headers.add(HEADERS.requestId, exchange.requestId);
  for (const [name, value] of reply.headers ?? []) headers.add(name, value);
  // Without it HTTP/1.1 would look for a body until the connection ends.
  if (exchange.request.protocol !== 'http/2') headers.add('content-length', '0');
  exchange.status = 200;
  exchange.reason = reply.reason;
  exchange.grpcStatus = grpcStatusOf(reply.cause, reply.status);
  addStatus(headers, exchange.grpcStatus, reply.message);
  client.head({ status: exchange.status, headers, length: 0, close });
  client.drop();
  client.finish(undefined);
}

/** Trailers of a call that ends otherwise than the server meant. */
export function grpcTrailers(code: number, message: string): HeaderList {
  const trailers = new HeaderList();
  addStatus(trailers, code, message);
  return trailers;
}

export function addStatus(fields: HeaderList, code: number, message: string): void {
  fields.add('grpc-status', String(code));
  fields.add('grpc-message', percentEncoded(message));
}

/** As `grpc-message` has it: what is not printable ASCII, and the percent sign, by its bytes. */
export function percentEncoded(message: string): string {
  let text = '';
  for (const byte of Buffer.from(message)) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    text += isPlain
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return text;
}

// A client of gRPC as far as HTTP/2 goes: messages are bytes.
import { type ClientHttp2Stream, type IncomingHttpHeaders, connect } from 'node:http2';
import { onTestFinished } from 'vitest';

export interface Call {
  stream: ClientHttp2Stream;
  head: IncomingHttpHeaders;
  trailers: IncomingHttpHeaders;
  body: Buffer;
  /** The head was the trailers too. */
  trailersOnly: boolean;
  isClosed: boolean;
  /** Of `RST_STREAM`, once it is closed. */
  code: number | undefined;
  closed: Promise<void>;
}

/** Begins a call; what is written to its stream are the messages. */
export function call(port: number, headers: Record<string, string> = {}): Call {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  onTestFinished(() => session.destroy());
  const stream = session.request({
    ...{ ':method': 'POST', ':path': '/shop.Orders/Place', ':authority': 'shop.example' },
    ...{ te: 'trailers', 'content-type': 'application/grpc', ...headers },
  });
  const made: Call = {
    ...{ stream, head: {}, trailers: {}, body: Buffer.of(), trailersOnly: false },
    ...{ isClosed: false, code: undefined },
    closed: new Promise((resolve) => {
      stream.on('close', () => {
        made.isClosed = true;
        made.code = stream.rstCode;
        session.close();
        resolve();
      });
    }),
  };
  stream.on('error', () => undefined);
  stream.on('response', (fields, flags) => {
    made.head = fields;
    made.trailersOnly = (flags & 1) === 1;
  });
  stream.on('trailers', (fields) => (made.trailers = fields));
  stream.on('data', (bytes: Buffer) => (made.body = Buffer.concat([made.body, bytes])));
  return made;
}

// An HTTP/2 server as the upstream, and clients of either protocol that see the same of an answer.
import {
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
  connect,
  createServer,
} from 'node:http2';
import { request as http1Request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Endpoint } from '#contracts/events.ts';
import { onTestFinished } from 'vitest';

export interface Http2UpstreamServer {
  endpoint: Endpoint;
  server: Http2Server;
  sessions: Set<ServerHttp2Session>;
  /** Sessions that there have been. */
  connections: number;
  /** Heads that arrived: `GET /path`. */
  seen: string[];
}

export type OnStream = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  raw: readonly string[],
) => void;

export async function startHttp2Upstream(
  onStream: OnStream,
  options: ServerOptions = {},
  proxy = '',
): Promise<Http2UpstreamServer> {
  const server = createServer(options);
  const sessions = new Set<ServerHttp2Session>();
  const seen: string[] = [];
  server.on('session', (session) => {
    upstream.connections++;
    sessions.add(session);
    session.on('error', () => undefined);
    session.on('close', () => sessions.delete(session));
  });
  server.on('stream', (given, headers, _flags, raw: readonly string[]) => {
    const stream = given as ServerHttp2Stream;
    seen.push(`${headers[':method'] ?? ''} ${headers[':path'] ?? ''}`);
    stream.on('error', () => undefined);
    onStream(stream, headers, raw);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const endpoint = { address: '127.0.0.1', port, proxy, zone: '' };
  const upstream: Http2UpstreamServer = { endpoint, server, sessions, seen, connections: 0 };
  return upstream;
}

export interface Asked {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  /** Sent as one piece with its length, or as pieces without. */
  body?: Buffer | readonly Buffer[];
  trailers?: Record<string, string>;
  /** Called with each piece of the answer's body. */
  onData?: () => void;
  /** Goes away with the first of them. */
  leaves?: boolean;
}

/** What a client saw. `ended` false: the answer broke off, or there was none. */
export interface Answer {
  interim: number[];
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
  trailers: Record<string, string | string[] | undefined>;
  ended: boolean;
  /** Of the stream, where there are streams. */
  code?: number;
}

export type Ask = (port: number, asked?: Asked) => Promise<Answer>;

const noAnswer = (): Answer => ({
  ...{ interim: [], status: 0, headers: {}, trailers: {} },
  ...{ body: Buffer.of(), ended: false },
});

function piecesOf(body: Asked['body']): readonly Buffer[] {
  if (body === undefined) return [];
  return Buffer.isBuffer(body) ? [body] : body;
}

function lengthOf({ body }: Asked): Record<string, string> {
  return Buffer.isBuffer(body) ? { 'content-length': String(body.length) } : {};
}

export const askHttp1: Ask = (port, asked = {}) =>
  new Promise((resolve) => {
    const { method = 'GET', path = '/', trailers } = asked;
    const answer = noAnswer();
    const headers = { host: 'shop.example', ...lengthOf(asked), ...asked.headers };
    const request = http1Request({ host: '127.0.0.1', port, method, path, headers, agent: false });
    request.on('information', ({ statusCode }) => answer.interim.push(statusCode));
    request.on('error', () => undefined);
    request.on('close', () => resolve(answer));
    request.on('response', (response) => {
      answer.status = response.statusCode ?? 0;
      answer.headers = response.headers;
      response.on('data', (bytes: Buffer) => {
        answer.body = Buffer.concat([answer.body, bytes]);
        asked.onData?.();
        if (asked.leaves === true) request.destroy();
      });
      response.on('error', () => undefined);
      response.on('end', () => {
        answer.ended = response.complete;
        answer.trailers = response.trailers;
      });
    });
    if (trailers !== undefined) request.setHeader('trailer', Object.keys(trailers));
    for (const piece of piecesOf(asked.body)) request.write(piece);
    if (trailers !== undefined) request.addTrailers(trailers);
    request.end();
  });

export const askHttp2: Ask = (port, asked = {}) =>
  new Promise((resolve) => {
    const { method = 'GET', path = '/', trailers } = asked;
    const answer = noAnswer();
    const session = connect(`http://127.0.0.1:${port}`);
    session.on('error', () => undefined);
    const pieces = piecesOf(asked.body);
    const stream = session.request(
      {
        ...{ ':method': method, ':path': path, ':authority': 'shop.example' },
        ...{ ...lengthOf(asked), ...asked.headers },
      },
      { endStream: asked.body === undefined, waitForTrailers: trailers !== undefined },
    );
    stream.on('wantTrailers', () => stream.sendTrailers(trailers ?? {}));
    stream.on('headers', (headers) => answer.interim.push(Number(headers[':status'])));
    stream.on('response', (headers) => {
      answer.status = Number(headers[':status']);
      answer.headers = headers as Answer['headers'];
      answer.ended = true;
    });
    stream.on('trailers', (fields) => (answer.trailers = fields as Answer['trailers']));
    stream.on('data', (bytes: Buffer) => {
      answer.body = Buffer.concat([answer.body, bytes]);
      asked.onData?.();
      if (asked.leaves === true) stream.close(8);
    });
    stream.on('error', () => undefined);
    stream.on('close', () => {
      answer.code = stream.rstCode ?? 0;
      answer.ended &&= stream.rstCode === 0;
      session.destroy();
      resolve(answer);
    });
    for (const piece of pieces) stream.write(piece);
    if (asked.body !== undefined) stream.end();
  });

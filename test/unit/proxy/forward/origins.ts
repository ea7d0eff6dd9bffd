// One upstream in two protocols: what a test says it answers, it says in either.
import { buffer } from 'node:stream/consumers';
import type { Endpoint } from '#contracts/events.ts';
import { startUpstream } from './harness.ts';
import { startHttp2Upstream } from './http2-upstream.ts';

export interface OriginAnswer {
  status?: number;
  headers?: Record<string, string>;
  /** With its length where it is one piece. */
  body?: Buffer | readonly Buffer[];
  trailers?: Record<string, string>;
}

export interface OriginRequest {
  method: string;
  headers: Record<string, string | string[] | undefined>;
  /** The whole body, and then what came behind it. */
  read(): Promise<{ body: Buffer; trailers: Record<string, string | string[] | undefined> }>;
  inform(status: number, headers: Record<string, string>): void;
  answer(answer: OriginAnswer): void;
  /** A head and this much of a body, and then nothing. */
  begin(piece: Buffer, headers?: Record<string, string>): void;
  /** Breaks off. */
  reset(): void;
  /** Called when the other side gives up. */
  onAborted(run: () => void): void;
}

export type Origin = 'HTTP/1.1' | 'HTTP/2';

export async function startOrigin(
  origin: Origin,
  serve: (request: OriginRequest) => void,
): Promise<{ endpoint: Endpoint; isHttp2Backend: boolean; seen: string[] }> {
  const { endpoint, seen } = origin === 'HTTP/2' ? await http2(serve) : await http1(serve);
  return { endpoint, seen, isHttp2Backend: origin === 'HTTP/2' };
}

function lengthOf(body: OriginAnswer['body']): Record<string, string> {
  return Buffer.isBuffer(body) ? { 'content-length': String(body.length) } : {};
}

function piecesOf(body: OriginAnswer['body'] = []): readonly Buffer[] {
  return Buffer.isBuffer(body) ? [body] : body;
}

function http1(serve: (request: OriginRequest) => void) {
  return startUpstream((request, response) => {
    serve({
      method: request.method ?? '',
      headers: request.headers,
      read: async () => ({ body: await buffer(request), trailers: request.trailers }),
      inform: (status, headers) => response.writeInformation(status, headers),
      answer: ({ status = 200, headers, body, trailers }) => {
        response.writeHead(status, { ...headers, ...lengthOf(body) });
        for (const piece of piecesOf(body)) response.write(piece);
        if (trailers !== undefined) response.addTrailers(trailers);
        response.end();
      },
      begin: (piece, headers) => response.writeHead(200, headers).write(piece),
      reset: () => request.socket.resetAndDestroy(),
      onAborted: (run) => response.once('close', () => response.writableFinished || run()),
    });
  });
}

function http2(serve: (request: OriginRequest) => void) {
  return startHttp2Upstream((stream, headers) => {
    let trailers: Record<string, string | string[] | undefined> = {};
    stream.on('trailers', (fields: Record<string, string>) => (trailers = { ...fields }));
    serve({
      method: headers[':method'] ?? '',
      headers: headers as Record<string, string>,
      read: async () => ({ body: await buffer(stream), trailers }),
      inform: (status, fields) => stream.additionalHeaders({ ':status': status, ...fields }),
      answer: (answer) => {
        const { status = 200, body, trailers: after } = answer;
        const pieces = piecesOf(body);
        const head = { ':status': status, ...answer.headers, ...lengthOf(body) };
        stream.respond(head, {
          endStream: pieces.length === 0 && after === undefined,
          waitForTrailers: after !== undefined,
        });
        stream.on('wantTrailers', () => stream.sendTrailers(after ?? {}));
        if (stream.writableEnded) return;
        for (const piece of pieces) stream.write(piece);
        stream.end();
      },
      begin: (piece, fields) => {
        stream.respond({ ':status': 200, ...fields });
        stream.write(piece);
      },
      // `close` would end the body in order first.
      reset: () => stream.destroy(new Error('reset')),
      onAborted: (run) => stream.once('aborted', run),
    });
  });
}

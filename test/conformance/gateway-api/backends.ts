// What the suite's echo servers are: programs that answer with JSON of what reached them.
import {
  type IncomingMessage,
  type Server,
  type ServerResponse,
  createServer as createHttp,
} from 'node:http';
import {
  type Http2SecureServer,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  createSecureServer,
  createServer as createHttp2,
} from 'node:http2';
import { type AddressInfo, type Server as TcpServer, type Socket, createServer } from 'node:net';
import { type TLSSocket, createServer as createTls } from 'node:tls';
import { setTimeout as after } from 'node:timers/promises';
import { framed } from './grpc.ts';
import { GREETING, type StreamEcho } from './streams.ts';
import { acceptKey } from './websocket.ts';

/** The body of an echo server's answer. */
export interface Echo {
  path: string;
  host: string;
  method: string;
  httpVersion: string;
  /** Names in lower case, each with its lines. */
  headers: Record<string, string[]>;
  body: string;
  namespace: string;
  pod: string;
  /** Where the connection to the server ended TLS. */
  tls?: { serverName: string; clientCertificate: string };
}

export interface Pair {
  cert: string;
  key: string;
}

export interface PodTls extends Pair {
  /** Asks for a client certificate of these authorities and refuses a connection without one. */
  clientAuthorities?: readonly string[];
}

/** `grpc` speaks it in the clear, `grpcs` over TLS; `tcp` and `tls` read no HTTP. */
export type PodKind = 'http' | 'h2c' | 'https' | 'grpc' | 'grpcs' | 'tcp' | 'tls';

/** `x-echo-set-header: name:value,…` asks for headers of the answer. */
export const SET_HEADERS = 'x-echo-set-header';

/** One running echo server: `namespace/name` of its Service, and its port on 127.0.0.1. */
export class Pod {
  readonly service: string;
  /** Requests that came, whatever became of them: for mirrors and retries. */
  readonly seen: Echo[] = [];
  port = 0;
  /** Answers in place of 200; undefined: 200. */
  statusFor: ((path: string) => number | undefined) | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server | Http2Server | Http2SecureServer | TcpServer;

  constructor(service: string, kind: PodKind = 'http', tls?: PodTls) {
    this.service = service;
    this.#server = this.#make(kind, tls);
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  async stop(): Promise<void> {
    this.disconnect();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** What comes next comes on new connections. */
  disconnect(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  get namespace(): string {
    return this.service.slice(0, this.service.indexOf('/'));
  }

  get name(): string {
    return `${this.service.slice(this.service.indexOf('/') + 1)}-0`;
  }

  #make(kind: PodKind, tls: PodTls | undefined) {
    const answer = (request: Request, response: Response): void => {
      void this.#answer(request, response);
    };
    const call = (request: Http2ServerRequest, response: Http2ServerResponse): void => {
      void this.#call(request, response);
    };
    const secure = {
      ...tls,
      ...(tls?.clientAuthorities === undefined
        ? {}
        : { ca: [...tls.clientAuthorities], requestCert: true, rejectUnauthorized: true }),
    };
    switch (kind) {
      case 'http':
        return createHttp(answer).on('upgrade', (request: IncomingMessage, socket: Socket) => {
          this.#upgrade(request, socket);
        });
      case 'h2c':
        return createHttp2(answer);
      case 'https':
        return createSecureServer({ ...secure, allowHTTP1: true }, answer).on(
          'tlsClientError',
          () => undefined,
        );
      case 'grpc':
        return createHttp2(call);
      case 'grpcs':
        return createSecureServer({ ...secure }, call).on('tlsClientError', () => undefined);
      case 'tcp':
        return createServer((socket) => this.#line(socket));
      case 'tls':
        return createTls(secure, (socket) => this.#line(socket));
      default:
        return kind satisfies never;
    }
  }

  async #answer(request: Request, response: Response): Promise<void> {
    const pieces: Buffer[] = [];
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://echo.invalid');
    for await (const piece of request) pieces.push(piece as Buffer);
    const echo = this.#echo(request, Buffer.concat(pieces).toString());
    this.seen.push(echo);
    const delay = Number(searchParams.get('delayMs') ?? 0);
    if (delay > 0) await after(delay, undefined, { ref: false });
    response.statusCode = this.statusFor?.(pathname) ?? 200;
    for (const line of (echo.headers[SET_HEADERS] ?? []).join(',').split(',')) {
      const [name = '', value = ''] = line.split(/:(.*)/s);
      if (name === '') continue;
      const before = response.getHeader(name.trim());
      const list = before === undefined ? value.trim() : [String(before), value.trim()];
      response.setHeader(name.trim(), list);
    }
    response.setHeader('content-type', 'application/json');
    (response as ServerResponse).end(JSON.stringify(echo));
  }

  /** One message comes, one goes; what came is not read. */
  async #call(request: Http2ServerRequest, response: Http2ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const echo = this.#echo(request, '');
    this.seen.push(echo);
    response.setHeader('content-type', 'application/grpc');
    response.addTrailers({ 'grpc-status': '0' });
    response.end(framed(JSON.stringify(echo)));
  }

  #echo(request: Request, body: string): Echo {
    const headers: Record<string, string[]> = {};
    const { rawHeaders } = request;
    for (let at = 0; at < rawHeaders.length; at += 2) {
      const name = (rawHeaders[at] ?? '').toLowerCase();
      (headers[name] ??= []).push(rawHeaders[at + 1] ?? '');
    }
    const socket = request.socket as Partial<TLSSocket>;
    return {
      path: request.url ?? '',
      host: headers[':authority']?.[0] ?? headers['host']?.[0] ?? '',
      method: request.method ?? '',
      httpVersion: request.httpVersion,
      headers,
      body,
      namespace: this.namespace,
      pod: this.name,
      ...(socket.getPeerX509Certificate === undefined
        ? {}
        : {
            tls: {
              serverName: String(socket.servername || ''),
              clientCertificate: socket.getPeerX509Certificate()?.toString() ?? '',
            },
          }),
    };
  }

  /** RFC 6455: agrees, and says in one text frame who it is. */
  #upgrade(request: IncomingMessage, socket: Socket): void {
    const key = request.headers['sec-websocket-key'] ?? '';
    const echo = this.#echo(request, '');
    this.seen.push(echo);
    socket.on('error', () => socket.destroy());
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n' +
        `sec-websocket-accept: ${acceptKey(key)}\r\n\r\n`,
    );
    // Whatever frame comes goes back; the reader unmasks it.
    socket.on('data', (bytes: Buffer) => socket.write(bytes));
  }

  /** Speaks first, and answers a line with who it is and what it was told. */
  #line(socket: Socket): void {
    let text = '';
    socket.on('error', () => socket.destroy());
    socket.write(GREETING);
    socket.on('data', (piece: Buffer) => {
      text += piece.toString();
      if (!text.includes('\n')) return;
      const { servername: serverName, encrypted: isTls = false } = socket as Partial<TLSSocket>;
      const echo: StreamEcho = {
        service: this.service,
        said: text.slice(0, text.indexOf('\n')),
        isTls,
        ...(typeof serverName === 'string' ? { serverName } : {}),
      };
      socket.end(`${JSON.stringify(echo)}\n`);
    });
  }
}

type Request = IncomingMessage | Http2ServerRequest;
type Response = ServerResponse | Http2ServerResponse;

import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { run } from '../../../services/cli/program.ts';
import { onTestFinished } from 'vitest';

/** What one command line did. */
export interface Ran {
  status: number;
  out: string;
  err: string;
}

export interface RunOptions {
  env?: NodeJS.ProcessEnv;
  stdin?: string;
  tty?: boolean;
  signal?: AbortSignal;
  wallMs?: () => number;
}

/** The moment at which golden outputs are made. */
export const NOW = Date.UTC(2026, 5, 1, 12, 0, 0);

/** Runs the command line in this process, with nothing of the machine's own environment. */
export async function windrose(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const ran: Ran = { status: -1, out: '', err: '' };
  const isTTY = options.tty === true;
  ran.status = await run(args, {
    out: { isTTY, columns: 100, write: (text) => (ran.out += text) },
    err: { isTTY, columns: 100, write: (text) => (ran.err += text) },
    stdin: Readable.from(options.stdin === undefined ? [] : [options.stdin]),
    env: { WINDROSE_AUTHOR: 'ada', ...options.env },
    signal: options.signal ?? new AbortController().signal,
    wallMs: options.wallMs ?? (() => NOW),
  });
  return ran;
}

export interface Asked {
  method: string;
  path: string;
  query: Record<string, string>;
  headers: IncomingMessage['headers'];
  body: unknown;
}

export type Handler = (asked: Asked, response: ServerResponse) => unknown;

export interface FakeApi {
  url: string;
  asked: Asked[];
  /** `--server URL`, to be appended to a command line. */
  server: string[];
}

/**
 * A real HTTP server that answers by `METHOD /path`: an answer as JSON, or whatever the handler
 * writes itself when it returns undefined. It also plays the other services: /v1/info names it.
 */
export async function fakeApi(handlers: Readonly<Record<string, Handler>>): Promise<FakeApi> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://api');
      const text = Buffer.concat(chunks).toString('utf8');
      const one: Asked = {
        method: request.method ?? '',
        path: url.pathname,
        query: Object.fromEntries(url.searchParams),
        headers: request.headers,
        body: text === '' ? undefined : JSON.parse(text),
      };
      asked.push(one);
      const handler = handlers[`${one.method} ${one.path}`] ?? defaults[one.path] ?? notFound;
      const answer = handler(one, response);
      if (answer !== undefined) json(response, 200, answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const defaults: Record<string, Handler> = {
    '/v1/info': () => ({
      version: '0.1.0',
      mesh: 'demo',
      epoch: 1,
      revision: '1-7',
      digest: 'sha256:0',
      addresses: { config: url, analytics: url, alerting: url },
    }),
  };
  return { url, asked, server: ['--server', url] };
}

export function json(response: ServerResponse, status: number, body: unknown): void {
  const type = status >= 400 ? 'application/problem+json' : 'application/json';
  response.writeHead(status, { 'content-type': type }).end(JSON.stringify(body));
}

/** Answers with problem details, as the services do. */
export function problem(status: number, code: string, detail: string, problems?: unknown): Handler {
  return (_asked, response) => {
    json(response, status, {
      type: `urn:windrose:problem:${code}`,
      status,
      code,
      detail,
      problems,
    });
  };
}

const notFound: Handler = (asked, response) => {
  json(response, 404, { code: 'not-found', detail: `there is no ${asked.method} ${asked.path}` });
};

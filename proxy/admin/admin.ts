import { timingSafeEqual, createHash } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Log } from '#platform/log.ts';
import { sentenceOf } from '#platform/log.ts';
import type { LogLevel } from '../fleet.ts';
import { bindProblem } from '../listener/sockets.ts';
import { createServer } from '../node-http.ts';
import type { HostPort } from '../host-port.ts';
import type { EndpointView } from '../upstream/view.ts';
import type { MetricsFormat } from '../telemetry/index.ts';
import { freeSocketPath } from './address.ts';

/** What the admin port shows and does. */
export interface AdminSubject {
  /** Why the proxy is not ready, in one sentence; undefined when it is. */
  notReady(): string | undefined;
  /** Which part of the proxy does not move any more; undefined when it lives. */
  stalled(): string | undefined;
  metrics(format: MetricsFormat): Promise<string>;
  /** Revision, digest and resources as served now. */
  snapshot(): unknown;
  /** What became of each resource of it: the status of Gateway API. */
  status(): Promise<unknown>;
  endpoints(): Promise<EndpointView[]>;
  setLogLevel(level: LogLevel): void;
  /** Stops accepting and lets requests end; the process stays. */
  drain(): void;
  /** Drains and ends the process. */
  quit(): void;
}

type Answer = { status: number; type: string; body: string };

const LEVELS: readonly string[] = ['trace', 'debug', 'info', 'warn', 'error'];
const JSON_TYPE = 'application/json';
const METRICS_TYPES: Readonly<Record<MetricsFormat, string>> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};
/** What may be read without a token over TCP. */
const OPEN_PATHS: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics']);
const BODY_BYTES_MAX = 1_024;

/**
 * The admin port: always on a Unix socket that only this user can reach, and over TCP when asked
 * for, where everything but health and metrics wants a token.
 */
export class Admin {
  readonly #subject: AdminSubject;
  readonly #log: Log;
  readonly #servers: Server[] = [];

  constructor(subject: AdminSubject, log: Log) {
    this.#subject = subject;
    this.#log = log;
  }

  /** Rejects with one sentence when the socket belongs to a live proxy. */
  async listenUnix(file: string): Promise<void> {
    if (!(await freeSocketPath(file))) {
      throw new Error(`another proxy runs with this data directory: ${file} answers`);
    }
    await this.#listen(createServer(), { path: file }, undefined);
  }

  async listenTcp({ host, port }: HostPort, token: string | undefined): Promise<void> {
    try {
      await this.#listen(createServer(), { host, port }, { token });
    } catch (error) {
      throw new Error(bindProblem(error, host, port), { cause: error });
    }
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#servers.map(
        (server) =>
          new Promise<void>((resolve) => {
            server.close(() => resolve());
            server.closeAllConnections();
          }),
      ),
    );
  }

  #listen(
    server: Server,
    at: { path: string } | HostPort,
    guard: { token: string | undefined } | undefined,
  ): Promise<void> {
    server.on('request', (request, response) => {
      this.#answer(request, guard)
        .catch((error: unknown): Answer => {
          this.#log.error({ error: sentenceOf(error), url: request.url }, 'admin request failed');
          return problem(500, 'something went wrong; the log says what');
        })
        .then(
          (answer) => respond(response, answer),
          () => response.destroy(),
        );
    });
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(at, () => {
        server.off('error', reject);
        resolve();
      });
    });
  }

  async #answer(
    request: IncomingMessage,
    guard: { token: string | undefined } | undefined,
  ): Promise<Answer> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://admin');
    const refused = guard === undefined ? undefined : refusal(request, pathname, guard.token);
    if (refused !== undefined) return refused;
    const post = request.method === 'POST';
    if (!post && request.method !== 'GET' && request.method !== 'HEAD') {
      return problem(405, 'GET shows, POST changes');
    }
    const answer = post
      ? await this.#change(pathname, searchParams, request)
      : await this.#show(pathname, request.headers.accept ?? '');
    return answer ?? problem(404, `there is no ${request.method} ${pathname} here`);
  }

  async #show(pathname: string, accept: string): Promise<Answer | undefined> {
    switch (pathname) {
      case '/healthz': {
        const reason = this.#subject.stalled();
        return reason === undefined
          ? json({ status: 'ok' })
          : json({ status: 'stalled', reason }, 503);
      }
      case '/readyz': {
        const reason = this.#subject.notReady();
        return reason === undefined
          ? json({ status: 'ready' })
          : json({ status: 'not ready', reason }, 503);
      }
      case '/metrics':
        return this.#metrics(accept);
      case '/snapshot':
        return json(this.#subject.snapshot());
      case '/status':
        return json(await this.#subject.status());
      case '/endpoints':
        return json(await this.#subject.endpoints());
      default:
        return undefined;
    }
  }

  /** Prometheus names OpenMetrics first where it takes it, and then gets exemplars. */
  async #metrics(accept: string): Promise<Answer> {
    const format = accept.includes('application/openmetrics-text') ? 'openmetrics' : 'prometheus';
    const body = await this.#subject.metrics(format);
    return { status: 200, type: METRICS_TYPES[format], body };
  }

  async #change(
    pathname: string,
    query: URLSearchParams,
    request: IncomingMessage,
  ): Promise<Answer | undefined> {
    switch (pathname) {
      case '/drain':
        this.#subject.drain();
        return json({ status: 'draining' }, 202);
      case '/quit':
        this.#subject.quit();
        return json({ status: 'quitting' }, 202);
      case '/log-level': {
        const level = query.get('level') ?? (await readBody(request)).trim();
        if (!LEVELS.includes(level)) return problem(400, `level is one of ${LEVELS.join(', ')}`);
        this.#subject.setLogLevel(level as LogLevel);
        return json({ level });
      }
      default:
        return undefined;
    }
  }
}

function refusal(
  request: IncomingMessage,
  pathname: string,
  token: string | undefined,
): Answer | undefined {
  if (request.method === 'GET' && OPEN_PATHS.has(pathname)) return undefined;
  if (token === undefined) {
    return problem(403, 'start the proxy with --admin-token, or use its Unix socket');
  }
  const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
  // Hashes have one length, and comparing them tells nothing about where a guess goes wrong.
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(given), hash(token)) ? undefined : problem(401, 'no valid token');
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > BODY_BYTES_MAX) return '';
  }
  return text;
}

function json(value: unknown, status = 200): Answer {
  return { status, type: JSON_TYPE, body: `${JSON.stringify(value)}\n` };
}

function problem(status: number, detail: string): Answer {
  const body = JSON.stringify({ type: 'about:blank', status, detail });
  return { status, type: 'application/problem+json', body: `${body}\n` };
}

function respond(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, {
    'content-type': answer.type,
    'content-length': Buffer.byteLength(answer.body),
    'cache-control': 'no-store',
    ...(answer.status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
  });
  response.end(response.req.method === 'HEAD' ? undefined : answer.body);
}

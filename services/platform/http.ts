import fastifySwagger from '@fastify/swagger';
import {
  type Span,
  SpanKind,
  SpanStatusCode,
  context,
  propagation,
  trace,
} from '@opentelemetry/api';
import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { Registry, collectDefaultMetrics } from 'prom-client';
import { PROBLEM_CODES, type ProblemDetails } from '#contracts/problems.ts';
import { VERSION } from '#contracts/version.ts';
import { addGuard, challengeFor } from './access/guard.ts';
import type { TokenFile } from './access/token-file.ts';
import { HttpProblem, TooManyRequests } from './http-problem.ts';
import { type Log, sentenceOf } from './log.ts';
import type { ServiceLog } from './service-log.ts';

export { HttpProblem };

export interface ApiOptions {
  /** `config`, `analytics` or `alerting`. */
  name: string;
  description: string;
  log: ServiceLog;
  /** What keeps the service from doing its work, in one sentence; undefined when it is ready. */
  notReady: () => string | undefined;
  bodyLimitBytes?: number;
  /** Who may ask, and for what; undefined: anybody, for anything. */
  tokens?: TokenFile | undefined;
}

export interface Api {
  app: FastifyInstance;
  /** Where the service's own metrics are registered; served on /metrics. */
  registry: Registry;
}

const BODY_LIMIT_BYTES = 16 * 1024 * 1024;
const REQUEST_TIMEOUT_MS = 30_000;

/**
 * The HTTP surface that every service has: problem details, health, metrics, OpenAPI and a span
 * per request.
 */
export async function createApi(options: ApiOptions): Promise<Api> {
  const app = fastify({
    loggerInstance: options.log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: options.bodyLimitBytes ?? BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: true,
    ajv: { customOptions: { allErrors: true, removeAdditional: false, coerceTypes: true } },
  }) as unknown as FastifyInstance;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: `Windrose ${options.name}`,
        description: options.description,
        version: VERSION,
      },
    },
  });
  addSpans(app, options.name);
  addGuard(app, options.tokens);
  addErrors(app, options.log);
  addDoors(app, registry, options);
  return { app, registry };
}

/**
 * Listens on `host:port` and answers the address it got. A service that asks for no tokens speaks
 * only to its own machine: any other address is refused unless the operator insists.
 */
export async function listen(
  app: FastifyInstance,
  address: string,
  options: { insecure?: boolean; tokens?: TokenFile | undefined } = {},
): Promise<{ host: string; port: number; url: string }> {
  const { host, port } = parseAddress(address);
  if (!isLoopback(host) && options.insecure !== true) {
    if (options.tokens === undefined) {
      throw new Error(
        `refusing to listen on ${host}: nobody would be asked for a token; give --tokens, ` +
          'use 127.0.0.1, or --insecure-listen behind a proxy that checks callers',
      );
    }
    app.log.warn(`tokens come to ${host} in the clear: put TLS in front`);
  }
  try {
    await app.listen({ host, port });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EADDRINUSE') {
      throw new Error(`port ${port} on ${host} is in use by another program`, { cause: error });
    }
    throw error;
  }
  const bound = app.server.address();
  const actual = typeof bound === 'object' && bound !== null ? bound.port : port;
  return { host, port: actual, url: `http://${host.includes(':') ? `[${host}]` : host}:${actual}` };
}

/** Splits `host:port`, `[v6]:port` or `:port` (all of loopback's IPv4). */
export function parseAddress(address: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:]*)):([0-9]{1,5})$/.exec(address);
  const port = Number(match?.[3] ?? Number.NaN);
  if (match === null || !(port <= 65_535)) {
    throw new Error(`${address} is no address; write host:port, such as 127.0.0.1:7400`);
  }
  return { host: match[1] ?? (match[2] === '' ? '127.0.0.1' : (match[2] ?? '127.0.0.1')), port };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.[0-9]{1,3}){3}$/.test(host);
}

export function problemDetails(problem: HttpProblem): ProblemDetails {
  const { status, title } = PROBLEM_CODES[problem.code];
  return {
    type: `urn:windrose:problem:${problem.code}`,
    title,
    status,
    detail: problem.message,
    code: problem.code,
    ...(problem.problems === undefined ? {} : { problems: problem.problems }),
  };
}

function addErrors(app: FastifyInstance, log: Log): void {
  app.setErrorHandler(async (error: FastifyError | HttpProblem, request, reply) => {
    const problem = toProblem(error);
    if (problem.code === 'internal') {
      log.error({ error: error.stack ?? sentenceOf(error), url: request.url }, 'request failed');
    }
    const details = problemDetails(problem);
    if (problem.code === 'unauthorized') reply.header('www-authenticate', challengeFor(request));
    if (problem instanceof TooManyRequests) {
      reply.header('retry-after', problem.retryAfterSeconds);
    }
    return reply
      .code(details.status)
      .type('application/problem+json')
      .send(JSON.stringify(details));
  });
  app.setNotFoundHandler(async (request, reply) => {
    const details = problemDetails(
      new HttpProblem('not-found', `there is no ${request.method} ${request.url.split('?')[0]}`),
    );
    return reply.code(404).type('application/problem+json').send(JSON.stringify(details));
  });
}

/** What a client is told of an error that a route or Fastify itself has thrown. */
export function toProblem(error: FastifyError | HttpProblem): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (error.validation !== undefined) {
    const where = error.validationContext ?? 'request';
    const details = error.validation.map((each) => {
      const extra = each.params['additionalProperty'];
      const suffix = typeof extra === 'string' ? ` (${extra})` : '';
      return `${where}${each.instancePath.replaceAll('/', '.')} ${each.message ?? ''}${suffix}`;
    });
    return new HttpProblem('invalid-request', details.join('; '));
  }
  const status = error.statusCode ?? 500;
  if (status === 413) return new HttpProblem('too-large', error.message);
  if (status >= 400 && status < 500) return new HttpProblem('invalid-request', error.message);
  return new HttpProblem('internal', 'something went wrong here; the log of the service says what');
}

function addDoors(app: FastifyInstance, registry: Registry, options: ApiOptions): void {
  const hidden = { schema: { hide: true } };
  app.get('/healthz', hidden, async () => ({ status: 'ok' }));
  app.get('/readyz', hidden, async (_request, reply) => {
    const reason = options.notReady();
    if (reason === undefined) return { status: 'ready' };
    return reply.code(503).send({ status: 'not ready', reason });
  });
  app.get('/metrics', hidden, async (_request, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  );
  app.get('/openapi.json', hidden, async () => app.swagger());
}

/**
 * A server span for each request, child of the caller's; a no-op when OpenTelemetry is not
 * started.
 */
function addSpans(app: FastifyInstance, name: string): void {
  const tracer = trace.getTracer(`windrose.${name}`);
  const spans = new WeakMap<FastifyRequest, Span>();
  app.addHook('onRequest', (request, _reply, done) => {
    const parent = propagation.extract(context.active(), request.headers);
    const span = tracer.startSpan(
      `${request.method} ${request.routeOptions.url ?? ''}`.trim(),
      {
        kind: SpanKind.SERVER,
        attributes: { 'http.request.method': request.method, 'url.path': request.url },
      },
      parent,
    );
    spans.set(request, span);
    context.with(trace.setSpan(parent, span), done);
  });
  app.addHook('onResponse', (request, reply, done) => {
    const span = spans.get(request);
    span?.setAttribute('http.response.status_code', reply.statusCode);
    if (reply.statusCode >= 500) span?.setStatus({ code: SpanStatusCode.ERROR });
    span?.end();
    done();
  });
}

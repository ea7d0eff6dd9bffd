import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HttpProblem } from '../http-problem.ts';
import { ANYONE, type Caller } from './caller.ts';
import type { TokenFile } from './token-file.ts';

/** What a scheduler and a scraper ask for; none of it names a resource. */
const OPEN: ReadonlySet<string | undefined> = new Set(['/healthz', '/readyz', '/metrics']);

export type { Caller };

const callers = new WeakMap<FastifyRequest, Caller>();

/** Every request of this API shows a valid token before anything of it is read, but for OPEN. */
export function addGuard(app: FastifyInstance, tokens: TokenFile | undefined): void {
  app.addHook('onRequest', (request, _reply, done) => {
    if (tokens === undefined) callers.set(request, ANYONE);
    else if (!OPEN.has(request.routeOptions.url)) callers.set(request, callerBy(tokens, request));
    done();
  });
}

/** Who asks. Throws where no guard has looked at the request. */
export function callerOf(request: FastifyRequest): Caller {
  const caller = callers.get(request);
  if (caller === undefined) throw new Error(`${request.url} was not guarded`);
  return caller;
}

/** Whose token a request has shown; undefined also when it showed none that is valid. */
export function shownName(request: FastifyRequest): string | undefined {
  return callers.get(request)?.name;
}

/** What belongs into `WWW-Authenticate` beside a 401 (RFC 6750). */
export function challengeFor(request: FastifyRequest): string {
  const wrong = request.headers.authorization === undefined ? '' : ', error="invalid_token"';
  return `Bearer realm="windrose"${wrong}`;
}

function callerBy(tokens: TokenFile, { headers: { authorization } }: FastifyRequest): Caller {
  if (authorization === undefined) {
    throw new HttpProblem(
      'unauthorized',
      'a token is needed, as the header Authorization: Bearer TOKEN',
    );
  }
  const token = /^bearer +([-A-Za-z0-9._~+/]+=*) *$/i.exec(authorization)?.[1];
  if (token === undefined) {
    throw new HttpProblem(
      'unauthorized',
      'the header Authorization is not of the form Bearer TOKEN',
    );
  }
  const caller = tokens.find(token);
  if (caller !== undefined) return caller;
  throw new HttpProblem('unauthorized', 'this token is not valid (any more)');
}

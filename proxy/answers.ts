import { HEADERS } from '#contracts/headers.ts';
import { replyFor } from './errors.ts';
import type { Exchange, Reply } from './exchange.ts';
import { HeaderList } from './headers.ts';
import { type Cors, applyCors, isPreflight, preflightFields } from './route/filters/cors.ts';
import type { FilterSet } from './route/filters/filters.ts';
import { locationOf } from './route/filters/redirect.ts';
import type { CompiledListener } from './snapshot/compiled.ts';
import type { Head } from './tries.ts';

const HTTP_PORT = 80;

/**
 * A preflight is answered before anybody is asked for a credential: browsers send none with it, and
 * it tells nothing but what the route says of itself. A request that is none goes on.
 */
export function preflightReply(
  filters: FilterSet | undefined,
  exchange: Exchange,
): Reply | undefined {
  const { request } = exchange;
  if (filters?.cors === undefined || exchange.isGrpc || !isPreflight(request)) return undefined;
  return replyFor('preflight', undefined, { headers: preflightFields(filters.cors, request) });
}

/**
 * In the mesh there is no listener: the port is the one that was asked for. Where filters of a
 * Gateway's rule have changed the path, a mesh rule saw that one.
 */
export function redirectReply(
  filters: FilterSet | undefined,
  { request, upstreamPath: path = request.path }: Exchange,
  listener: CompiledListener | undefined,
): Reply | undefined {
  const redirect = filters?.redirect;
  if (redirect === undefined) return undefined;
  const portHere = listener?.spec.port ?? request.port ?? HTTP_PORT;
  const location = locationOf(redirect, { ...request, path }, portHere);
  return replyFor('redirected', undefined, {
    status: redirect.status,
    headers: [['location', location]],
  });
}

/**
 * Puts what CORS says into every answer that follows, the proxy's own included: without it the page
 * that asked could not read why it was refused.
 */
export function sharing(
  cors: Cors,
  exchange: Exchange,
  done: (result: Head | Reply) => void,
): (result: Head | Reply) => void {
  const origin = exchange.request.headers.get('origin');
  return (result) => {
    if ('kind' in result) {
      applyCors(cors, origin, result.headers);
      done(result);
    } else done({ ...result, headers: sharedFields(cors, origin, result) });
  };
}

/** What `sendReply` adds is exposed, too, where everything is. */
const OWN_NAMES: readonly string[] = [HEADERS.requestId, 'grpc-status', 'grpc-message'];

function sharedFields(
  cors: Cors,
  origin: string | undefined,
  reply: Reply,
): readonly (readonly [string, string])[] {
  const list = new HeaderList();
  for (const [name, value] of reply.headers ?? []) list.add(name, value);
  applyCors(cors, origin, list, OWN_NAMES);
  const fields: (readonly [string, string])[] = [];
  list.forEach((name, value) => fields.push([name, value]));
  return fields;
}

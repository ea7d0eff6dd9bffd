import type { Random } from '#platform/clock.ts';
import { preflightReply, redirectReply } from './answers.ts';
import { replyFor } from './errors.ts';
import type { Exchange, Reply, RequestView } from './exchange.ts';
import { takeBackend } from './grpc/web.ts';
import type { Gate } from './policy/gate.ts';
import { type Permit, authorize, isReply, limit } from './policy/permit.ts';
import { pickBackend } from './route/backends.ts';
import { type Decision, decideFurther } from './route/decide.ts';
import type { Cors } from './route/filters/cors.ts';
import { type FilterSet, NO_FILTERS, filterRequest } from './route/filters/filters.ts';
import type { ServiceStates } from './services.ts';
import type {
  CompiledBackend,
  CompiledListener,
  CompiledRule,
  CompiledService,
  Security,
} from './snapshot/compiled.ts';
import type { Destination } from './tries.ts';
import { withClientCertificate } from './upstream/client-certificate.ts';

export interface BalanceParts {
  random: Random;
  gates: readonly Gate[];
  states: ServiceStates;
}

/** A decision that leads somewhere. */
export type Routed = Exclude<Decision, { kind: 'none' }>;

export interface Balanced extends Destination {
  /** The Service that was called, where a mesh route led to another one. */
  called: CompiledService | undefined;
  /** Still to be applied to the request, in this order; and to the response. */
  filters: readonly FilterSet[];
  /** Where a Gateway's rule has led to mesh routes: its filters, which the request has passed. */
  passed: readonly FilterSet[];
  /** What the mesh rule says of pages of other origins. */
  cors: Cors | undefined;
  /** Name of the Gateway's own certificate, for backends over TLS. */
  certificate: string | undefined;
}

/** The balance phase: chooses the backend; its endpoint is chosen for each try. */
export function balance(
  permit: Permit,
  routed: Exclude<Routed, { kind: 'inbound' | 'outside' }>,
  parts: BalanceParts,
): Balanced | Reply {
  const { exchange } = permit;
  if (routed.kind === 'service') {
    const { service, port } = routed;
    exchange.backend = `${service.name}:${port}`;
    return destination(exchange, service, port, undefined, undefined, parts);
  }
  const rule = routed.match.leadsTo;
  const backend = choose(rule, exchange, parts);
  if (isReply(backend)) return backend;
  const { listener } = routed;
  const { filters } = backend;
  const service = exchange.snapshot.services.get(backend.service);
  if (service === undefined) return replyFor('invalid_backend');
  if (filters.length > 0) {
    const moved = redirectReply(filters.at(-1), exchange, listener);
    if (moved !== undefined) return moved;
    const obeys = filters.some(({ obeysMeshRoutes }) => obeysMeshRoutes);
    if (obeys && listener !== undefined) {
      return balanceFurther(permit, service, backend, rule, parts, listener);
    }
  }
  const called = routed.service?.name === service.name ? undefined : routed.service;
  const certificate = listener?.spec.clientCertificate;
  const to = destination(exchange, service, backend.port, rule, called, parts, certificate);
  to.filters = filters;
  return to;
}

function choose(
  rule: CompiledRule,
  exchange: Exchange,
  parts: BalanceParts,
): CompiledBackend | Reply {
  const backend = pickBackend(rule, parts.random);
  if (backend === undefined) return replyFor('invalid_backend');
  exchange.backend = backend.label;
  if (exchange.destination === '') exchange.destination = backend.service;
  return backend.valid ? backend : replyFor('invalid_backend');
}

/**
 * A Gateway's rule has led to a Service whose mesh routes decide further, as they would for a
 * caller in the mesh: on the request as the rule's filters leave it.
 */
function balanceFurther(
  permit: Permit,
  called: CompiledService,
  { port, filters }: CompiledBackend,
  edgeRule: CompiledRule,
  parts: BalanceParts,
  listener: CompiledListener,
): Balanced | Reply {
  const { exchange } = permit;
  const { snapshot } = exchange;
  const certificate = listener.spec.clientCertificate;
  filterRequest(filters, exchange);
  const match = decideFurther(snapshot, called.name, port, upstreamView(exchange));
  if (match === 'none') return replyFor('no_route', 'no route of this Service matches');
  if (match === undefined) {
    const to = destination(exchange, called, port, edgeRule, undefined, parts, certificate);
    to.passed = filters;
    return to;
  }
  const rule = match.leadsTo;
  boundBy(rule, exchange);
  const preflight = preflightReply(rule.filters, exchange);
  if (preflight !== undefined) return preflight;
  const admitted = admit(permit, rule.security, parts);
  if (isReply(admitted)) return admitted;
  const answer = redirectReply(rule.filters, exchange, listener);
  if (answer !== undefined) return answer;
  const backend = choose(rule, exchange, parts);
  if (isReply(backend)) return backend;
  if (!backend.isForGateways) return replyFor('invalid_backend');
  const moved = redirectReply(backend.filters.at(-1), exchange, listener);
  const service = snapshot.services.get(backend.service);
  if (moved !== undefined || service === undefined) return moved ?? replyFor('invalid_backend');
  const other = service === called ? undefined : called;
  const to = destination(exchange, service, backend.port, rule, other, parts, certificate);
  to.filters = backend.filters;
  to.passed = filters;
  to.cors = rule.filters?.cors;
  return to;
}

/** The request as it goes upstream, for whoever decides on that. */
export function upstreamView({ request, upstreamPath, upstreamHeaders }: Exchange): RequestView {
  return { ...request, path: upstreamPath ?? request.path, headers: upstreamHeaders };
}

/** A rule's time for the whole request. */
export function boundBy({ timeouts: { requestMs } }: CompiledRule, exchange: Exchange): void {
  if (requestMs === undefined) return;
  exchange.deadlineMs = Math.min(exchange.deadlineMs, exchange.startedMs + requestMs);
}

export function destination(
  exchange: Exchange,
  service: CompiledService,
  port: number,
  rule: CompiledRule | undefined,
  called: CompiledService | undefined,
  parts: BalanceParts,
  certificate?: string,
): Balanced {
  const found = service.ports.find((other) => other.port === port);
  takeBackend(exchange, found?.isHttp2 === true || rule?.isGrpc === true);
  const tls = found?.tls;
  return {
    service,
    portName: found?.name ?? '',
    tls:
      certificate === undefined || tls === undefined
        ? tls
        : withClientCertificate(tls, certificate),
    state: parts.states.of(service),
    rule,
    called,
    filters: NO_FILTERS,
    passed: NO_FILTERS,
    cors: undefined,
    certificate,
    admit: (permit) => admit(permit, service.security, parts),
  };
}

/** Both security phases for policies of a Service that nobody else enforces. */
export function admit(permit: Permit, security: Security, parts: BalanceParts): Permit | Reply {
  const answer = authorize(parts.gates, permit.exchange, [security]);
  return isReply(answer) ? answer : (limit(parts.gates, answer, [security]) ?? answer);
}

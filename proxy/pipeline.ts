import type { Endpoint } from '#contracts/events.ts';
import type { Clock, Random } from '#platform/clock.ts';
import type { Attempt, Exchange, Reply } from './exchange.ts';
import { injectFault } from './policy/fault/inject.ts';
import type { Gate } from './policy/gate.ts';
import { type Permit, authorize, isReply, limit } from './policy/permit.ts';
import { attemptLimits, inboundHeadTimeoutMs } from './policy/timeout/limits.ts';
import { pickBackend } from './route/backends.ts';
import { type Decision, decide } from './route/decide.ts';
import { applyHeaderEdit } from './route/filters.ts';
import type { SocketTable } from './route/sockets.ts';
import type { ServiceStates } from './services.ts';
import type { CompiledRule, CompiledService, Security } from './snapshot/compiled.ts';
import {
  type Destination,
  type Flight,
  type Head,
  type TryParts,
  replyFor,
  tryEndpoints,
} from './tries.ts';
import { endpointName } from './upstream/addresses.ts';

/** What a worker's pipeline works with; it lives as long as the worker. */
export interface PipelineParts {
  clock: Clock;
  random: Random;
  workers: number;
  /** `namespace/name` of a sidecar's Service. */
  service: string | undefined;
  app: Endpoint | undefined;
  gates: readonly Gate[];
  states: ServiceStates;
  socketsOf(exchange: Exchange): SocketTable;
  takeOff(exchange: Exchange, flight: Flight): void;
}

/** A decision that leads somewhere. */
type Routed = Exclude<Decision, { kind: 'none' }>;

/** route → authorize → limit → balance → forward, in this order and in no other. */
export async function runPipeline(
  exchange: Exchange,
  attempt: Attempt,
  parts: PipelineParts,
): Promise<Head | Reply> {
  const routed = route(exchange, parts);
  if (isReply(routed)) return routed;
  const levels = levelsOf(routed);
  const permit = authorize(parts.gates, exchange, levels);
  if (isReply(permit)) return permit;
  const limited = limit(parts.gates, permit, levels);
  if (limited !== undefined) return limited;
  if (routed.kind === 'inbound') return forwardToApp(permit, routed.service, attempt, parts);
  const balanced = balance(exchange, routed, parts);
  if (isReply(balanced)) return balanced;
  return forward(permit, balanced, attempt, parts);
}

/** Finds the rule or Service, and writes down in the exchange what was decided. */
function route(exchange: Exchange, parts: PipelineParts): Routed | Reply {
  const { request, snapshot } = exchange;
  const sockets = parts.socketsOf(exchange);
  const decision = decide({ snapshot, sockets, service: parts.service, request });
  switch (decision.kind) {
    case 'rule': {
      const { match, listener, service } = decision;
      const rule = match.leadsTo;
      if (listener !== undefined) enterEdge(exchange, listener.spec);
      exchange.destination = service?.name ?? '';
      exchange.route = rule.route;
      exchange.rule = rule.rule;
      exchange.pathTemplate = match.template;
      const { requestMs } = rule.timeouts;
      if (requestMs !== undefined) {
        exchange.deadlineMs = Math.min(exchange.deadlineMs, exchange.startedMs + requestMs);
      }
      return decision;
    }
    case 'service':
    case 'inbound':
      exchange.destination = decision.service.name;
      return decision;
    case 'none':
      if (decision.listener !== undefined) enterEdge(exchange, decision.listener.spec);
      exchange.destination = decision.service?.name ?? '';
      return replyFor('no_route', decision.message);
    default:
      return decision satisfies never;
  }
}

function enterEdge(exchange: Exchange, spec: { name: string; gateway: string }): void {
  exchange.request.listener = spec.name;
  exchange.source = `Gateway/${spec.gateway}`;
}

/** Security policies to be enforced here before the endpoint is known, the widest first. */
function levelsOf(routed: Routed): readonly Security[] {
  switch (routed.kind) {
    case 'rule': {
      const { security } = routed.match.leadsTo;
      return routed.listener === undefined ? [security] : [routed.listener.security, security];
    }
    case 'inbound':
      return [routed.service.security];
    case 'service':
      return [];
    default:
      return routed satisfies never;
  }
}

interface Balanced extends Destination {
  /** The Service that was called, where a mesh route led to another one. */
  called: CompiledService | undefined;
}

/** Chooses the backend; its endpoint is chosen for each try. */
function balance(
  exchange: Exchange,
  routed: Exclude<Routed, { kind: 'inbound' }>,
  parts: PipelineParts,
): Balanced | Reply {
  if (routed.kind === 'service') {
    const { service, port } = routed;
    exchange.backend = `${service.name}:${port}`;
    return destination(service, port, undefined, undefined, parts);
  }
  const rule = routed.match.leadsTo;
  const backend = pickBackend(rule, parts.random);
  if (backend === undefined) return replyFor('invalid_backend', 'this route leads nowhere');
  exchange.backend = backend.label;
  if (exchange.destination === '') exchange.destination = backend.service;
  const service = backend.valid ? exchange.snapshot.services.get(backend.service) : undefined;
  if (service === undefined) return replyFor('invalid_backend', 'this route leads nowhere');
  const called = routed.service?.name === service.name ? undefined : routed.service;
  return destination(service, backend.port, rule, called, parts);
}

function destination(
  service: CompiledService,
  port: number,
  rule: CompiledRule | undefined,
  called: CompiledService | undefined,
  parts: PipelineParts,
): Balanced {
  const portName = service.ports.find((other) => other.port === port)?.name ?? '';
  return {
    service,
    portName,
    state: parts.states.of(service),
    rule,
    called,
    admit: (permit) => admit(permit, service.security, parts),
  };
}

/** Both security phases for policies of a Service that nobody else enforces. */
function admit(permit: Permit, security: Security, parts: PipelineParts): Permit | Reply {
  const answer = authorize(parts.gates, permit.exchange, [security]);
  return isReply(answer) ? answer : (limit(parts.gates, answer, [security]) ?? answer);
}

async function forward(
  given: Permit,
  balanced: Balanced,
  attempt: Attempt,
  parts: PipelineParts,
): Promise<Head | Reply> {
  const { exchange } = given;
  const { service, called, rule } = balanced;
  let permit = given;
  if (called !== undefined) {
    // The proxy of the backend enforces what is attached to the backend, not to this Service.
    const answer = admit(permit, called.security, parts);
    if (isReply(answer)) return answer;
    permit = answer;
  }
  for (const fault of [called?.fault, service.fault]) {
    if (fault === undefined) continue;
    const drawn = injectFault(fault, exchange, parts.clock, parts.random);
    const reply = drawn instanceof Promise ? await drawn : drawn;
    if (reply !== undefined) return reply;
  }
  if (rule !== undefined) {
    for (const edit of rule.requestHeaders) applyHeaderEdit(edit, exchange.upstreamHeaders);
  }
  const tryParts: TryParts = parts;
  const result = await tryEndpoints(permit, balanced, attempt, tryParts);
  if (rule !== undefined && 'kind' in result) {
    for (const edit of rule.responseHeaders) applyHeaderEdit(edit, result.headers);
  }
  return result;
}

/** Inbound: one application behind this sidecar, one try; the caller's proxy retries. */
async function forwardToApp(
  permit: Permit,
  service: CompiledService,
  attempt: Attempt,
  parts: PipelineParts,
): Promise<Head | Reply> {
  const { exchange } = permit;
  const { app, clock } = parts;
  if (app === undefined) return replyFor('no_endpoint', 'no application is behind this sidecar');
  const remainingMs = exchange.deadlineMs - clock.nowMs();
  if (remainingMs <= 0) return replyFor('request_timeout', 'the time for the request ran out');
  exchange.backend = `${service.name}:${service.ports[0]?.port ?? 0}`;
  exchange.endpoint = endpointName(app);
  // Only a proxy of the mesh leaves the source open (UNKNOWN_SOURCE).
  const headMs = inboundHeadTimeoutMs(service.traffic.timeouts, exchange.source === '');
  const result = await attempt(exchange, app, attemptLimits(headMs, undefined, remainingMs));
  if (result.kind === 'head') return result;
  return replyFor(result.reason, 'the application did not answer');
}

import type { Endpoint } from '#contracts/events.ts';
import type { Clock, Random } from '#platform/clock.ts';
import { replyFor } from './errors.ts';
import type { Attempt, Exchange, Reply } from './exchange.ts';
import { injectFaults } from './policy/fault/inject.ts';
import type { Gate } from './policy/gate.ts';
import { type Permit, authorize, isReply, limit } from './policy/permit.ts';
import { attemptLimits, inboundHeadTimeoutMs } from './policy/timeout/limits.ts';
import { pickBackend } from './route/backends.ts';
import { type Decision, decide } from './route/decide.ts';
import { applyHeaderEdit } from './route/filters.ts';
import type { SocketTable } from './route/sockets.ts';
import type { ServiceStates } from './services.ts';
import type { CompiledRule, CompiledService, Security } from './snapshot/compiled.ts';
import { type Destination, type Head, tryEndpoints } from './tries.ts';
import { endpointName } from './upstream/addresses.ts';
import { withClientCertificate } from './upstream/client-certificate.ts';
import type { Wheel } from './wheel.ts';

/** What a worker's pipeline works with; it lives as long as the worker. */
export interface PipelineParts {
  clock: Clock;
  wheel: Wheel;
  random: Random;
  workers: number;
  /** `namespace/name` of a sidecar's Service. */
  service: string | undefined;
  app: Endpoint | undefined;
  gates: readonly Gate[];
  states: ServiceStates;
  socketsOf(exchange: Exchange): SocketTable;
  /** Runs a later part of the pipeline; what it throws ends that exchange and no other. */
  guard(exchange: Exchange, done: Done, run: () => void): void;
}

/** A decision that leads somewhere. */
type Routed = Exclude<Decision, { kind: 'none' }>;

/** Called once, with the head to pass on or with the proxy's own answer. */
export type Done = (result: Head | Reply) => void;

/** route → authorize → limit → balance → forward, in this order and in no other. */
export function runPipeline(
  exchange: Exchange,
  attempt: Attempt,
  parts: PipelineParts,
  done: Done,
): void {
  const routed = route(exchange, parts);
  if (isReply(routed)) return done(routed);
  const levels = levelsOf(routed);
  const permit = authorize(parts.gates, exchange, levels);
  if (isReply(permit)) return done(permit);
  const limited = limit(parts.gates, permit, levels);
  if (limited !== undefined) return done(limited);
  if (routed.kind === 'inbound') return forwardToApp(permit, routed.service, attempt, parts, done);
  const balanced = balance(exchange, routed, parts);
  if (isReply(balanced)) return done(balanced);
  return forward(permit, balanced, attempt, parts, done);
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
      return replyFor(decision.reason, decision.message);
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
    return destination(exchange, service, port, undefined, undefined, parts);
  }
  const rule = routed.match.leadsTo;
  const backend = pickBackend(rule, parts.random);
  if (backend === undefined) return replyFor('invalid_backend');
  exchange.backend = backend.label;
  if (exchange.destination === '') exchange.destination = backend.service;
  const service = backend.valid ? exchange.snapshot.services.get(backend.service) : undefined;
  if (service === undefined) return replyFor('invalid_backend');
  const called = routed.service?.name === service.name ? undefined : routed.service;
  const certificate = routed.listener?.spec.clientCertificate;
  return destination(exchange, service, backend.port, rule, called, parts, certificate);
}

function destination(
  exchange: Exchange,
  service: CompiledService,
  port: number,
  rule: CompiledRule | undefined,
  called: CompiledService | undefined,
  parts: PipelineParts,
  certificate?: string,
): Balanced {
  const found = service.ports.find((other) => other.port === port);
  exchange.isHttp2Backend = found?.isHttp2 === true;
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
    admit: (permit) => admit(permit, service.security, parts),
  };
}

/** Both security phases for policies of a Service that nobody else enforces. */
function admit(permit: Permit, security: Security, parts: PipelineParts): Permit | Reply {
  const answer = authorize(parts.gates, permit.exchange, [security]);
  return isReply(answer) ? answer : (limit(parts.gates, answer, [security]) ?? answer);
}

function forward(
  given: Permit,
  balanced: Balanced,
  attempt: Attempt,
  parts: PipelineParts,
  done: Done,
): void {
  const { exchange } = given;
  const { service, called } = balanced;
  let permit = given;
  if (called !== undefined) {
    // The proxy of the backend enforces what is attached to the backend, not to this Service.
    const answer = admit(permit, called.security, parts);
    if (isReply(answer)) return done(answer);
    permit = answer;
  }
  if (called?.fault === undefined && service.fault === undefined) {
    return send(permit, balanced, attempt, parts, done);
  }
  const faults = [called?.fault, service.fault].filter((fault) => fault !== undefined);
  const { clock, wheel, random } = parts;
  const guard = (run: () => void): void => parts.guard(exchange, done, run);
  return injectFaults(faults, exchange, { clock, wheel, random, guard }, (reply) => {
    if (reply === undefined) send(permit, balanced, attempt, parts, done);
    else done(reply);
  });
}

/** Tries endpoints; filters change what goes up before the first and what comes back from one. */
function send(
  permit: Permit,
  balanced: Balanced,
  attempt: Attempt,
  parts: PipelineParts,
  done: Done,
): void {
  const { rule } = balanced;
  if (rule === undefined) return tryEndpoints(permit, balanced, attempt, parts, done);
  const { upstreamHeaders } = permit.exchange;
  for (const edit of rule.requestHeaders) applyHeaderEdit(edit, upstreamHeaders);
  if (rule.responseHeaders.length === 0) {
    return tryEndpoints(permit, balanced, attempt, parts, done);
  }
  return tryEndpoints(permit, balanced, attempt, parts, (result) => {
    if ('kind' in result) {
      for (const edit of rule.responseHeaders) applyHeaderEdit(edit, result.headers);
    }
    done(result);
  });
}

/** Inbound: one application behind this sidecar, one try; the caller's proxy retries. */
function forwardToApp(
  permit: Permit,
  service: CompiledService,
  attempt: Attempt,
  parts: PipelineParts,
  done: Done,
): void {
  const { exchange } = permit;
  const { app, clock } = parts;
  if (app === undefined) {
    return done(replyFor('no_endpoint', 'no application is behind this sidecar'));
  }
  const remainingMs = exchange.deadlineMs - clock.nowMs();
  if (remainingMs <= 0) {
    return done(replyFor('request_timeout'));
  }
  const [port] = service.ports;
  exchange.backend = `${service.name}:${port?.port ?? 0}`;
  exchange.endpoint = endpointName(app);
  exchange.isHttp2Backend = port?.isHttp2 === true;
  // Only a proxy of the mesh leaves the source open (UNKNOWN_SOURCE).
  const fromMesh = exchange.source === '';
  const headMs = inboundHeadTimeoutMs(service.traffic.timeouts, fromMesh, exchange.isGrpc);
  const limits = attemptLimits(headMs, undefined, remainingMs, service.ports[0]?.tls);
  return attempt(exchange, app, limits, (result) => {
    if (result.kind === 'head') done(result);
    else done(replyFor(result.reason, result.told ?? 'the application did not answer'));
  });
}

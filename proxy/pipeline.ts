import type { Endpoint } from '#contracts/events.ts';
import type { Clock } from '#platform/clock.ts';
import { preflightReply, redirectReply, sharing } from './answers.ts';
import {
  type BalanceParts,
  type Balanced,
  type Routed,
  admit,
  balance,
  boundBy,
  destination,
} from './balance.ts';
import { replyFor } from './errors.ts';
import type { Attempt, Exchange, Reply } from './exchange.ts';
import { takeBackend } from './grpc/web.ts';
import { type CopyParts, type PreparedCopy, prepareCopies } from './mirrors.ts';
import { injectFaults } from './policy/fault/inject.ts';
import type { Outside } from './outside.ts';
import { type Permit, authorize, isReply, limit } from './policy/permit.ts';
import { noteResponse } from './policy/telemetry/note.ts';
import { recordRulesOf } from './policy/telemetry/of-decision.ts';
import { attemptLimits, inboundHeadTimeoutMs } from './policy/timeout/limits.ts';
import { decide } from './route/decide.ts';
import { filterRequest, filterResponse } from './route/filters/filters.ts';
import type { SocketTable } from './route/sockets.ts';
import type { CompiledListener, CompiledService, Security } from './snapshot/compiled.ts';
import { type Head, tryEndpoints } from './tries.ts';
import { endpointName } from './upstream/addresses.ts';
import type { Wheel } from './wheel.ts';

/** What a worker's pipeline works with; it lives as long as the worker. */
export interface PipelineParts extends BalanceParts, CopyParts {
  clock: Clock;
  wheel: Wheel;
  workers: number;
  /** `namespace/name` of a sidecar's Service. */
  service: string | undefined;
  app: Endpoint | undefined;
  outside: Outside;
  socketsOf(exchange: Exchange): SocketTable;
  /** Runs a later part of the pipeline; what it throws ends that exchange and no other. */
  guard(exchange: Exchange, done: Done, run: () => void): void;
}

/** Called once, with the head to pass on or with the proxy's own answer. */
export type Done = (result: Head | Reply) => void;

/**
 * route → authorize → limit → balance → forward, in this order and in no other. A rule that answers
 * itself does so once the request may pass; a preflight alone is answered at once.
 */
export function runPipeline(
  exchange: Exchange,
  attempt: Attempt,
  parts: PipelineParts,
  done: Done,
): void {
  const routed = route(exchange, parts);
  if (isReply(routed)) return done(routed);
  const noted = exchange.records?.readsResponse === true ? noting(exchange, done) : done;
  const filters = routed.kind === 'rule' ? routed.match.leadsTo.filters : undefined;
  const preflight = preflightReply(filters, exchange);
  if (preflight !== undefined) return noted(preflight);
  const end = filters?.cors === undefined ? noted : sharing(filters.cors, exchange, noted);
  const levels = levelsOf(routed);
  const permit = authorize(parts.gates, exchange, levels);
  if (isReply(permit)) return end(permit);
  const limited = limit(parts.gates, permit, levels);
  if (limited !== undefined) return end(limited);
  if (routed.kind === 'inbound') return forwardToApp(permit, routed.service, attempt, parts, end);
  if (routed.kind === 'outside') return parts.outside.reach(permit, routed, attempt, parts, end);
  const moved = redirectReply(filters, exchange, listenerOf(routed));
  if (moved !== undefined) return end(moved);
  const balanced = balance(permit, routed, parts);
  if (isReply(balanced)) return end(balanced);
  const { cors } = balanced;
  const last = cors === undefined ? end : sharing(cors, exchange, end);
  return forward(permit, balanced, attempt, parts, last);
}

/** What is recorded of a response is what its client gets. */
function noting(exchange: Exchange, done: Done): Done {
  return (result) => {
    if ('kind' in result) noteResponse(exchange, result.headers);
    done(result);
  };
}

/** Finds the rule or Service, and writes down in the exchange what was decided. */
function route(exchange: Exchange, parts: PipelineParts): Routed | Reply {
  const { request, snapshot } = exchange;
  const sockets = parts.socketsOf(exchange);
  const decision = decide({ snapshot, sockets, service: parts.service, request });
  const records = recordRulesOf(decision);
  exchange.records = records;
  exchange.pathTemplate = records?.templates?.find(request.path) ?? '';
  switch (decision.kind) {
    case 'rule': {
      const { match, listener, service } = decision;
      const rule = match.leadsTo;
      if (listener !== undefined) enterEdge(exchange, listener.spec);
      exchange.destination = service?.name ?? '';
      exchange.route = rule.route;
      exchange.rule = rule.rule;
      exchange.pathTemplate ||= match.template;
      boundBy(rule, exchange);
      return decision;
    }
    case 'service':
    case 'inbound':
      exchange.destination = decision.service.name;
      return decision;
    case 'outside':
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

function listenerOf(routed: Routed): CompiledListener | undefined {
  return routed.kind === 'rule' ? routed.listener : undefined;
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
    case 'outside':
      return [];
    default:
      return routed satisfies never;
  }
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
  const { filters, passed } = balanced;
  if (filters.length === 0 && passed.length === 0) {
    return tryEndpoints(permit, balanced, attempt, parts, done);
  }
  const { exchange } = permit;
  filterRequest(filters, exchange);
  const sets = passed.length === 0 ? filters : [...passed, ...filters];
  const copies = prepareCopies(sets, exchange, parts);
  try {
    tryEndpoints(permit, balanced, attempt, parts, (result) => {
      if ('kind' in result) filterResponse(sets, result.headers);
      done(result);
    });
  } finally {
    for (const copy of copies) sendCopy(copy, balanced.certificate, parts);
  }
}

/** As any request is sent, but for its filters; its callee's policies hold for it, too. */
function sendCopy(
  { exchange, mirror, open }: PreparedCopy,
  certificate: string | undefined,
  parts: PipelineParts,
): void {
  const { service: name, port } = mirror;
  const end: Done = (result) => open.answered(result);
  parts.guard(exchange, end, () => {
    const service = exchange.snapshot.services.get(name);
    const permit = authorize(parts.gates, exchange, []);
    if (service === undefined || isReply(permit)) return end(replyFor('invalid_backend'));
    const to = destination(exchange, service, port, undefined, undefined, parts, certificate);
    const attempt: Attempt = (given, endpoint, limits, tried) =>
      open.attempt(given, endpoint, limits, (result) =>
        parts.guard(exchange, end, () => tried(result)),
      );
    tryEndpoints(permit, to, attempt, parts, end);
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
  takeBackend(exchange, port?.isHttp2 === true);
  // Only a proxy of the mesh leaves the source open (UNKNOWN_SOURCE).
  const fromMesh = exchange.source === '';
  const headMs = inboundHeadTimeoutMs(service.traffic.timeouts, fromMesh, exchange);
  const limits = attemptLimits(headMs, undefined, remainingMs, service.ports[0]?.tls);
  return attempt(exchange, app, limits, (result) => {
    if (result.kind === 'head') done(result);
    else done(replyFor(result.reason, result.told ?? 'the application did not answer'));
  });
}

import { REASONS } from '#contracts/reasons.ts';
import type { Clock, Random } from '#platform/clock.ts';
import type { Attempt, AttemptResult, Exchange, Reply } from './exchange.ts';
import { passKeyOn } from './policy/api-key/pass-on.ts';
import type { Permit } from './policy/permit.ts';
import { retryReason } from './policy/retry/retry.ts';
import { NO_ROUTE_TIMEOUTS } from './policy/timeout/config.ts';
import { attemptLimits, headTimeoutMs } from './policy/timeout/limits.ts';
import type { ServiceState } from './services.ts';
import type { CompiledRule, CompiledService } from './snapshot/compiled.ts';
import type { TrackedEndpoint } from './upstream/tracked.ts';

export type Head = Extract<AttemptResult, { kind: 'head' }>;

/** Where the balance phase sends an exchange. */
export interface Destination {
  service: CompiledService;
  portName: string;
  state: ServiceState;
  rule: CompiledRule | undefined;
  /**
   * Enforces the callee's security policies where no sidecar does: asked before the first try at
   * such an endpoint.
   */
  admit(permit: Permit): Permit | Reply;
}

/** What an exchange holds until it is over: its places at the endpoint and in the circuit. */
export interface Flight {
  readonly destination: Destination;
  readonly tracked: TrackedEndpoint;
  /** The head was an error and has been counted as one. */
  readonly isCounted: boolean;
}

export interface TryParts {
  clock: Clock;
  random: Random;
  workers: number;
  /** Called with the head that is passed on; the places are given back by `land`. */
  takeOff(exchange: Exchange, flight: Flight): void;
}

/** Tries endpoints until one answers in a way that is passed on, or no further try may be made. */
export async function tryEndpoints(
  permit: Permit,
  destination: Destination,
  attempt: Attempt,
  parts: TryParts,
): Promise<Head | Reply> {
  const { exchange } = permit;
  const { circuit, budget } = destination.state;
  const { circuitRequests } = destination.service.traffic;
  if (!circuit.enter(circuitRequests, parts.workers)) {
    return replyFor('circuit_open', 'too many requests wait for this service');
  }
  let flight: Flight | undefined;
  try {
    budget.noteRequest(parts.clock.nowMs());
    const run = new Run(permit, destination, attempt, parts);
    for (;;) {
      const result = await run.once();
      if (result === 'again') continue;
      if ('kind' in result) {
        flight = { destination, tracked: run.tracked, isCounted: isServerError(result.status) };
        parts.takeOff(exchange, flight);
      }
      return result;
    }
  } finally {
    if (flight === undefined) circuit.leave();
  }
}

/** Gives the places back; `aborted`: the upstream broke off after its head. */
export function land(flight: Flight, aborted: boolean, nowMs: number): boolean {
  const { destination, tracked, isCounted } = flight;
  const { state, service } = destination;
  tracked.inFlight--;
  state.circuit.leave();
  if (isCounted) return false;
  return state.book.report(tracked, !aborted, service.traffic.outlier, nowMs);
}

class Run {
  #permit: Permit;
  readonly #destination: Destination;
  readonly #attempt: Attempt;
  readonly #parts: TryParts;
  readonly #tried: TrackedEndpoint[] = [];
  #isAdmitted = false;
  #passed: readonly string[] = [];
  #tracked: TrackedEndpoint | undefined;

  constructor(permit: Permit, destination: Destination, attempt: Attempt, parts: TryParts) {
    this.#permit = permit;
    this.#destination = destination;
    this.#attempt = attempt;
    this.#parts = parts;
  }

  /** The endpoint of the last try. */
  get tracked(): TrackedEndpoint {
    if (this.#tracked === undefined) throw new Error('no endpoint was tried');
    return this.#tracked;
  }

  async once(): Promise<Head | Reply | 'again'> {
    const { clock, random } = this.#parts;
    const { exchange } = this.#permit;
    const { service, state, portName } = this.#destination;
    const nowMs = clock.nowMs();
    const remainingMs = exchange.deadlineMs - nowMs;
    if (remainingMs <= 0) return replyFor('request_timeout', 'the time for the request ran out');
    const { balancing } = service.traffic;
    const tracked = state.book.pick(portName, balancing, random, nowMs, this.#tried);
    if (tracked === undefined) return replyFor('no_endpoint', 'the service has no endpoint');
    const refusal = this.#admit(tracked);
    if (refusal !== undefined) return refusal;
    this.#tracked = tracked;
    exchange.endpoint = tracked.name;
    tracked.inFlight++;
    let isHeld = false;
    try {
      const limits = this.#limits(remainingMs);
      const result = await this.#attempt(exchange, tracked.endpoint, limits);
      this.#report(result, tracked);
      if (this.#mayRetry(result)) {
        if (result.kind === 'head') result.body.discard();
        this.#tried.push(tracked);
        return 'again';
      }
      if (result.kind === 'failed') return failure(result, exchange, clock.nowMs());
      isHeld = true;
      return result;
    } finally {
      if (!isHeld) tracked.inFlight--;
    }
  }

  #limits(remainingMs: number) {
    const { service, rule } = this.#destination;
    const { timeouts, retry } = service.traffic;
    const headMs = headTimeoutMs(rule?.timeouts ?? NO_ROUTE_TIMEOUTS, timeouts);
    return attemptLimits(Math.min(headMs, retry.perTryMs), timeouts.connectMs, remainingMs);
  }

  #admit({ endpoint }: TrackedEndpoint): Reply | undefined {
    const { exchange } = this.#permit;
    const hasProxy = endpoint.proxy !== '';
    if (!hasProxy && !this.#isAdmitted) {
      const answer = this.#destination.admit(this.#permit);
      if ('reason' in answer) return answer;
      this.#permit = answer;
      this.#isAdmitted = true;
    }
    const { security } = this.#destination.service;
    this.#passed = passKeyOn(exchange, security, hasProxy, this.#passed);
    return undefined;
  }

  /** Errors count at once; a good head counts when its body has come through (`land`). */
  #report(result: AttemptResult, tracked: TrackedEndpoint): void {
    if (result.kind === 'head' && !isServerError(result.status)) return;
    if (result.kind === 'failed' && result.reason === 'client_closed') return;
    const { state, service } = this.#destination;
    const { outlier } = service.traffic;
    const ejected = state.book.report(tracked, false, outlier, this.#parts.clock.nowMs());
    if (ejected) this.#permit.exchange.ejected = true;
  }

  #mayRetry(result: AttemptResult): boolean {
    const { exchange } = this.#permit;
    const { retry } = this.#destination.service.traffic;
    if (exchange.retries >= retry.attempts) return false;
    const reason = retryReason(result, exchange.request, retry);
    const nowMs = this.#parts.clock.nowMs();
    if (reason === undefined || nowMs >= exchange.deadlineMs) return false;
    if (!this.#destination.state.budget.take(retry, this.#parts.workers, nowMs)) return false;
    exchange.retries++;
    exchange.retryReason = reason;
    return true;
  }
}

const MESSAGES: Partial<Record<Reply['reason'], string>> = {
  upstream_refused: 'the service cannot be reached',
  upstream_timeout: 'the service did not answer in time',
  upstream_reset: 'the service broke the connection off',
  upstream_invalid: 'the service did not answer in valid HTTP',
  request_timeout: 'the time for the request ran out',
};

/** What the client is told; what exactly happened stays inside. */
function failure(
  result: Extract<AttemptResult, { kind: 'failed' }>,
  exchange: Exchange,
  nowMs: number,
): Reply {
  const isLate = result.reason === 'upstream_timeout' && nowMs >= exchange.deadlineMs;
  const reason = isLate ? 'request_timeout' : result.reason;
  return replyFor(reason, MESSAGES[reason] ?? 'the request could not be completed');
}

function isServerError(status: number): boolean {
  return status >= 500;
}

/** A failed try without a status of its own is the upstream's fault. */
const BAD_GATEWAY = 502;

export function replyFor(reason: Reply['reason'], message: string): Reply {
  return { reason, status: REASONS[reason].status || BAD_GATEWAY, message };
}

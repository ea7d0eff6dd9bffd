import type { Endpoint } from '#contracts/events.ts';
import type { Clock, Random } from '#platform/clock.ts';
import { ERRORS, replyFor } from './errors.ts';
import type { Attempt, AttemptResult, Exchange, Reply } from './exchange.ts';
import { passKeyOn } from './policy/api-key/pass-on.ts';
import type { Permit } from './policy/permit.ts';
import { retryReason } from './policy/retry/retry.ts';
import { backoffMs, routeRetryReason } from './policy/retry/route-retry.ts';
import { waitForRetry } from './policy/retry/wait.ts';
import { NO_ROUTE_TIMEOUTS } from './policy/timeout/config.ts';
import { attemptLimits, headTimeoutMs } from './policy/timeout/limits.ts';
import type { ServiceState } from './services.ts';
import type { CompiledRule, CompiledService } from './snapshot/compiled.ts';
import { Session } from './upstream/session.ts';
import type { BackendTls } from './upstream/settings.ts';
import type { TrackedEndpoint } from './upstream/tracked.ts';
import type { Wheel } from './wheel.ts';

export type Head = Extract<AttemptResult, { kind: 'head' }>;

/** Where the balance phase sends an exchange. */
export interface Destination {
  service: CompiledService;
  portName: string;
  /** Towards endpoints that no sidecar stands before. */
  tls: BackendTls | undefined;
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
  wheel: Wheel;
  random: Random;
  workers: number;
  guard(exchange: Exchange, done: (result: Head | Reply) => void, run: () => void): void;
}

/** Tries endpoints until one answers in a way that is passed on, or no further try may be made. */
export function tryEndpoints(
  permit: Permit,
  destination: Destination,
  attempt: Attempt,
  parts: TryParts,
  done: (result: Head | Reply) => void,
): void {
  const { circuit, budget } = destination.state;
  const { circuitRequests } = destination.service.traffic;
  if (!circuit.enter(circuitRequests, parts.workers)) {
    done(replyFor('circuit_open'));
    return;
  }
  budget.noteRequest(parts.clock.nowMs());
  new Run(permit, destination, attempt, parts, done).next();
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

/** How often a request looks whether the first answer of DNS has come. */
const RESOLVING_MS = 20;
const NONE_TRIED: readonly TrackedEndpoint[] = [];

class Run {
  #permit: Permit;
  readonly #destination: Destination;
  readonly #attempt: Attempt;
  readonly #parts: TryParts;
  readonly #done: (result: Head | Reply) => void;
  #tried: readonly TrackedEndpoint[] = NONE_TRIED;
  #isAdmitted = false;
  /** The places are given back, or are the flight's to give back. */
  #isOver = false;
  #passed: readonly string[] = [];
  readonly #session: Session | undefined;

  constructor(
    permit: Permit,
    destination: Destination,
    attempt: Attempt,
    parts: TryParts,
    done: (result: Head | Reply) => void,
  ) {
    this.#permit = permit;
    this.#destination = destination;
    this.#attempt = attempt;
    this.#parts = parts;
    this.#done = done;
    const session = destination.rule?.session;
    if (session === undefined) return;
    const { exchange } = permit;
    const { backend, request } = exchange;
    this.#session = new Session(session, backend, request.headers, nowS(parts.clock));
  }

  /** Makes a try, or ends without one. A mistake in it gives the places back all the same. */
  next(): void {
    const { clock, random } = this.#parts;
    const { exchange } = this.#permit;
    const { service, state, portName } = this.#destination;
    let tracked: TrackedEndpoint | undefined;
    try {
      const nowMs = clock.nowMs();
      const remainingMs = exchange.deadlineMs - nowMs;
      if (remainingMs <= 0) {
        this.#end(replyFor('request_timeout'));
        return;
      }
      const { balancing } = service.traffic;
      const wanted = this.#session?.token;
      const picked = state.book.pick(portName, balancing, random, nowMs, this.#tried, wanted);
      if (picked === undefined && state.book.isResolving) {
        this.#nextAfter(RESOLVING_MS);
        return;
      }
      if (picked === undefined) {
        this.#end(replyFor('no_endpoint'));
        return;
      }
      const refusal = this.#admit(picked);
      if (refusal !== undefined) {
        this.#end(refusal);
        return;
      }
      exchange.endpoint = picked.name;
      const limits = this.#limits(remainingMs, picked.endpoint);
      picked.inFlight++;
      tracked = picked;
      this.#attempt(exchange, picked.endpoint, limits, (result) => this.#onResult(result, picked));
    } catch (error) {
      this.#giveBack(tracked);
      throw error;
    }
  }

  #onResult(result: AttemptResult, tracked: TrackedEndpoint): void {
    try {
      this.#conclude(result, tracked);
    } catch (error) {
      this.#giveBack(tracked);
      throw error;
    }
  }

  #conclude(result: AttemptResult, tracked: TrackedEndpoint): void {
    const { exchange } = this.#permit;
    this.#report(result, tracked);
    if (this.#mayRetry(result)) {
      if (result.kind === 'head') result.body.discard();
      tracked.inFlight--;
      this.#tried = [...this.#tried, tracked];
      this.#nextAfterWait();
      return;
    }
    if (result.kind === 'failed') {
      tracked.inFlight--;
      this.#end(failure(result, exchange, this.#parts.clock.nowMs()));
      return;
    }
    const destination = this.#destination;
    if (this.#session !== undefined) {
      const token = destination.state.book.tokenOf(tracked);
      const isSecure = exchange.request.scheme === 'https';
      this.#session.keep(token, result.headers, isSecure, nowS(this.#parts.clock));
    }
    this.#isOver = true;
    exchange.flight = { destination, tracked, isCounted: isServerError(result.status) };
    this.#done(result);
  }

  #nextAfterWait(): void {
    const { exchange } = this.#permit;
    const { random } = this.#parts;
    const retry = this.#destination.rule?.retry;
    const waitMs = retry === undefined ? 0 : backoffMs(retry, exchange.retries, random);
    if (waitMs === 0) this.next();
    else this.#nextAfter(waitMs);
  }

  #nextAfter(waitMs: number): void {
    const { exchange } = this.#permit;
    const { wheel, clock } = this.#parts;
    waitForRetry(exchange, waitMs, { clock, wheel }, (isGone) => {
      this.#parts.guard(exchange, this.#done, () => {
        if (isGone) this.#end(replyFor('client_closed'));
        else this.next();
      });
    });
  }

  #end(reply: Reply): void {
    this.#giveBack(undefined);
    this.#done(reply);
  }

  #giveBack(tracked: TrackedEndpoint | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (tracked !== undefined) tracked.inFlight--;
    this.#destination.state.circuit.leave();
  }

  #limits(remainingMs: number, endpoint: Endpoint) {
    const { service, rule, tls } = this.#destination;
    const { exchange } = this.#permit;
    const { timeouts, retry } = service.traffic;
    const headMs = headTimeoutMs(rule?.timeouts ?? NO_ROUTE_TIMEOUTS, timeouts, exchange);
    const tryMs = rule?.retry === undefined ? Math.min(headMs, retry.perTryMs) : headMs;
    // A sidecar is called in the clear; towards its application it does what the policy says.
    const secured = endpoint.proxy === '' ? tls : undefined;
    return attemptLimits(tryMs, timeouts.connectMs, remainingMs, secured);
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
    if (result.kind === 'failed' && ERRORS[result.reason].blames !== 'upstream') return;
    const { state, service } = this.#destination;
    const { outlier } = service.traffic;
    const ejected = state.book.report(tracked, false, outlier, this.#parts.clock.nowMs());
    if (ejected) this.#permit.exchange.ejected = true;
  }

  #mayRetry(result: AttemptResult): boolean {
    const { exchange } = this.#permit;
    const { service, rule } = this.#destination;
    const { retry } = service.traffic;
    const own = rule?.retry;
    if (exchange.retries >= (own ?? retry).attempts) return false;
    const reason =
      own === undefined
        ? retryReason(result, exchange.request, retry)
        : routeRetryReason(result, exchange.request, own);
    const nowMs = this.#parts.clock.nowMs();
    if (reason === undefined || nowMs >= exchange.deadlineMs) return false;
    if (!this.#destination.state.budget.take(retry, this.#parts.workers, nowMs)) return false;
    exchange.retries++;
    exchange.retryReason = reason;
    return true;
  }
}

/** What the client is told; what exactly happened stays inside. */
function failure(
  result: Extract<AttemptResult, { kind: 'failed' }>,
  exchange: Exchange,
  nowMs: number,
): Reply {
  const isLate = result.reason === 'upstream_timeout' && nowMs >= exchange.deadlineMs;
  return replyFor(isLate ? 'request_timeout' : result.reason, result.told);
}

function nowS(clock: Clock): number {
  return Math.floor(clock.wallMs() / 1_000);
}

function isServerError(status: number): boolean {
  return status >= 500;
}

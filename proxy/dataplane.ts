import type { Endpoint, ServiceEndpoints } from '#contracts/events.ts';
import type { Clock, Random } from '#platform/clock.ts';
import type { Attempt, AttemptResult, Exchange, Reply } from './exchange.ts';
import type { Scope } from './scope.ts';
import type { CompiledSnapshot } from './snapshot/compiled.ts';
import type { EndpointView } from './upstream/view.ts';

export type { Scope } from './scope.ts';
export { servedListeners } from './scope.ts';

export interface DataPlaneOptions {
  scope: Scope;
  clock: Clock;
  random: Random;
  /** Where a sidecar's application listens: inbound requests go there. */
  app?: Endpoint;
  /** An exception in a phase: that request gets `internal`, everything else goes on. */
  onError?: (error: unknown, exchange: Exchange) => void;
}

/** What became of an exchange: the proxy's own answer, or the upstream's head to pass on. */
export type Outcome =
  | { kind: 'reply'; reply: Reply }
  /** Response header filters are already applied to `head.headers`. */
  | { kind: 'head'; head: Extract<AttemptResult, { kind: 'head' }> };

/**
 * Decides for every exchange of one worker, and keeps what outlives a snapshot: endpoints, their
 * health and load, token buckets, retry budgets.
 *
 * For each exchange call `handle` once and, when everything about it is over, `release` once.
 * `exchange.snapshot` must be a snapshot that was given to `swap`; a later swap does not touch it.
 * At the edge `exchange.request.listener` is the socket's name on arrival (see ListenerSpec).
 */
export declare class DataPlane {
  constructor(options: DataPlaneOptions);
  /** Undefined before the first swap: the proxy is not ready. */
  get snapshot(): CompiledSnapshot | undefined;
  swap(snapshot: CompiledSnapshot): void;
  /** The registry's last word on one service; replaces all it announced before. */
  setEndpoints(announced: ServiceEndpoints): void;
  endpoints(): EndpointView[];
  /** Never rejects. Fills in the exchange's fields but for status, bytes and the try's timings. */
  handle(exchange: Exchange, attempt: Attempt): Promise<Outcome>;
  /** `aborted`: the upstream broke off after its head. Calls after the first do nothing. */
  release(exchange: Exchange, result: { aborted: boolean }): void;
}

/**
 * What `explain` says of a request: made by the code that serves (proxy/pure.ts), shown by the CLI
 * and the API.
 */
export interface Explanation {
  revision: string;
  /** `edge` or `outbound`. */
  direction: string;
  listener: string;
  host: string;
  path: string;
  /** The matching rule; absent when there is none. */
  match?: { route: string; rule: string; matched: string };
  /** The nearest rules that lost, best first, each with why. */
  lost: { route: string; rule: string; why: string }[];
  /**
   * Policies and filters in the order in which they act, and what each would do with this request.
   */
  steps: {
    phase: 'parse' | 'route' | 'authorize' | 'limit' | 'balance' | 'forward' | 'record';
    name: string;
    effect: string;
  }[];
  backends: {
    backend: string;
    weight: number;
    /** Share of requests, 0 to 1. */
    share: number;
    endpoints: { address: string; proxy: string; state: 'healthy' | 'ejected' | 'unknown' }[];
  }[];
  /** What a request would get: forwarded, or answered by the proxy with a status and reason. */
  outcome: { forwarded: boolean; status?: number; reason?: string; message: string };
}

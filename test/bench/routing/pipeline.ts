// The whole pipeline without a network: route, keys, limits, backend, and an answer at once.
import { hash } from 'node:crypto';
import type { Resource } from '#contracts/resources/index.ts';
import { systemClock } from '#platform/clock.ts';
import { DataPlane } from '#proxy/dataplane.ts';
import { type Attempt, type AttemptResult, detachedExchange } from '#proxy/exchange.ts';
import { HeaderList } from '#proxy/headers.ts';
import type { Effort } from './decisions.ts';
import { type Case, cpuNs, document, head, snapshotOf, stateOf, viewsOf } from './world.ts';

export interface Pipeline {
  routes: number;
  /** Of one request; one of each round. */
  ns: number[];
}

const KEY = 'a-key-of-the-bench';
const VIEWS_MAX = 2_000;

function policies(): Resource[] {
  const own = (kind: string, name: string, spec: object): Resource =>
    document({ ...head(kind, name, 'windrose.dev/v1'), spec });
  const targetRefs = [{ kind: 'Gateway', name: 'edge' }];
  const limit = { name: 'all', key: ['consumer'], requests: 1_000_000_000, per: '1s' };
  return [
    own('Consumer', 'c', {
      credentials: [{ type: 'APIKey', id: 'k', sha256: hash('sha256', KEY) }],
    }),
    own('AuthenticationPolicy', 'keys', { targetRefs, apiKey: {} }),
    own('RateLimitPolicy', 'limits', { targetRefs, limits: [limit] }),
  ];
}

export function measurePipeline(each: Case, routes: number, effort: Effort): Pipeline {
  const snapshot = snapshotOf(stateOf(each, routes, policies()).entries);
  const scope = { role: 'gateway', proxy: 'p', gateways: undefined, service: undefined } as const;
  const plane = new DataPlane({
    scope: { ...scope, workers: 1 },
    clock: systemClock,
    random: Math.random,
  });
  plane.swap(snapshot);
  const endpoint = { address: '127.0.0.1', port: 9000, proxy: 'x', zone: '' };
  plane.setEndpoints({ mesh: 'm', service: 'bench/app', endpoints: [endpoint], time: '' });
  const headers = new HeaderList();
  const answer: AttemptResult = { kind: 'head', status: 200, headers, body: { discard: () => {} } };
  const attempt: Attempt = (_exchange, _endpoint, _limits, done) => done(answer);
  const views = viewsOf(each, routes, VIEWS_MAX);
  for (const view of views) view.headers.add('x-api-key', KEY);
  const run = (): void => {
    for (let i = 0; i < effort.count; i++) {
      const request = views[i % views.length];
      if (request === undefined) continue;
      const exchange = detachedExchange({ ...request }, snapshot, '');
      plane.handle(exchange, attempt, (outcome) => {
        plane.release(exchange, { aborted: false });
        if (outcome.kind !== 'head') throw new Error(outcome.reply.message);
      });
    }
  };
  run();
  const ns: number[] = [];
  for (let round = 0; round < effort.rounds; round++) {
    const start = cpuNs();
    run();
    ns.push((cpuNs() - start) / effort.count);
  }
  return { routes, ns };
}

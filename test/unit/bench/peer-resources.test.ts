import { readResource } from '#contracts/resources/read.ts';
import { MeshState, keyOfResource } from '#platform/state.ts';
import { compile } from '#proxy/pure.ts';
import { expect, test } from 'vitest';
import type { Contract } from '../../bench/peer/contract.ts';
import { resourceList } from '../../bench/peer/resources.ts';
import { type Scenario, workload } from '../../bench/proxy/workload.ts';

function contractOf(scenario: Scenario): Contract {
  const { routes, keys } = workload(scenario, '127.0.0.1:9000');
  const places = { accessLog: 'access.log', stateDir: '.' };
  return { scenario, routes, keys, port: 8080, metricsPort: 8081, rate: 5, ...places };
}

/** As the proxy reads them. */
function read(scenario: Scenario) {
  return resourceList(contractOf(scenario)).items.map((item) => {
    const result = readResource(item, 'bench');
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    return result.resource;
  });
}

test.each(['bare', 'full'] as const)('the proxy serves what a peer writes: %s', (scenario) => {
  const upserts = read(scenario);
  const state = new MeshState();
  state.apply({ sequence: 1, time: '2026-01-01T00:00:00Z', upserts, deletes: [] });
  const { problems } = compile({
    entries: state.entries,
    revision: { epoch: 1, sequence: 1 },
    nowMs: 0,
  });
  expect(problems).toEqual([]);
  expect(new Set(upserts.map(keyOfResource)).size).toBe(upserts.length);
});

test('bare has a route and nothing that governs it; full has all of it', () => {
  const kinds = (scenario: Scenario): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const { kind } of read(scenario)) counts[kind] = (counts[kind] ?? 0) + 1;
    return counts;
  };
  const bare = { Gateway: 1, HTTPRoute: 1, Service: 1, EndpointSlice: 1 };
  expect(kinds('bare')).toEqual(bare);
  expect(kinds('full')).toEqual({
    ...{ ...bare, HTTPRoute: 100, Consumer: 1_000 },
    ...{ AuthenticationPolicy: 1, RateLimitPolicy: 1, TrafficPolicy: 1 },
  });
});

test('a key is kept as its hash only', () => {
  const { keys } = workload('full', '127.0.0.1:9000');
  const text = JSON.stringify(read('full'));
  expect(keys.filter(({ key }) => text.includes(key))).toEqual([]);
});

import { expect } from 'vitest';
import { startRawUpstream } from '../../unit/proxy/forward/harness.ts';
import type { Pod } from './backends.ts';
import { type World, conformanceTest } from './conformance.ts';
import { SAME, httpRoute, prefix, rule, service, slice } from './manifests.ts';

const V3 = 'infra-backend-v3';
let asked = 0;

interface Trouble {
  /** What the server answers at first. */
  status: number;
  /** Tries after the first until it answers with 200. */
  succeedsAfter: number;
  /** Of every try, in milliseconds. */
  delayMs?: number;
}

/** Asks for a path of its own that answers so; resolves with the status and the tries it took. */
async function troubled(
  world: World,
  pod: Pod,
  path: string,
  { status, succeedsAfter, delayMs = 0 }: Trouble,
): Promise<[status: number, tries: number]> {
  const own = `${path}/${asked++}`;
  const triesOf = (): number => pod.seen.filter((seen) => seen.path.startsWith(own)).length;
  pod.statusFor = (at) => (at === own && triesOf() <= succeedsAfter ? status : undefined);
  const query = delayMs === 0 ? '' : `?delayMs=${delayMs}`;
  const answer = await world.ask('same-namespace', { path: `${own}${query}` });
  pod.statusFor = undefined;
  return [answer.status, triesOf()];
}

conformanceTest('HTTPRouteRetry', async (world) => {
  const codes = [500, 502, 503, 504];
  const [some, all, none] = ['/code-500-attempts-3', '/code-all-attempts-2', '/attempts-0'];
  await world.apply(
    SAME,
    httpRoute('retries', 'same-namespace', [
      rule(prefix(some), V3, { retry: { codes: [500], attempts: 3 } }),
      rule(prefix(all), V3, { retry: { codes, attempts: 2 } }),
      rule(prefix(none), V3, { retry: { codes, attempts: 0 } }),
    ]),
  );
  world.status.accepted('same-namespace', 'HTTPRoute/retries');
  const pod = await world.shared(V3);
  const ask = (path: string, status: number, succeedsAfter: number) =>
    troubled(world, pod, path, { status, succeedsAfter });
  expect(await ask(some, 500, 2)).toEqual([200, 3]);
  expect(await ask(some, 500, 4)).toEqual([500, 4]);
  expect(await ask(some, 503, 2)).toEqual([503, 1]);
  for (const code of codes) {
    expect(await ask(all, code, 1)).toEqual([200, 2]);
    expect(await ask(all, code, 3)).toEqual([code, 3]);
    expect(await ask(none, code, 1)).toEqual([code, 1]);
  }
});

conformanceTest('HTTPRouteRetryConnectionError', async (world) => {
  // One endpoint resets every connection, the other answers.
  const broken = await startRawUpstream((socket) => socket.resetAndDestroy());
  const healthy = await world.shared('infra-backend-v1');
  const half = (name: string, port: number): object => {
    const document = slice('half-broken', [{ port }]) as { metadata: object };
    return { ...document, metadata: { ...document.metadata, name } };
  };
  await world.apply(
    SAME,
    service('half-broken'),
    half('broken', broken.port),
    half('healthy', healthy.port),
    httpRoute('connection-error', 'same-namespace', [
      rule(prefix('/retry'), 'half-broken', { retry: { attempts: 100 } }),
    ]),
  );
  world.status.accepted('same-namespace', 'HTTPRoute/connection-error');
  for (let sent = 0; sent < 10; sent++) {
    await world.expect('same-namespace', [[{ path: '/retry' }, 'infra-backend-v1']]);
  }
});

const LIMIT = '500ms';

async function limited(world: World): Promise<Pod> {
  await world.apply(
    SAME,
    httpRoute('retries-with-timeouts', 'same-namespace', [
      rule(prefix('/request-timeout'), V3, {
        retry: { codes: [500], attempts: 5 },
        timeouts: { request: LIMIT },
      }),
      rule(prefix('/backend-timeout'), V3, {
        retry: { codes: [500], attempts: 3 },
        timeouts: { backendRequest: LIMIT, request: '15s' },
      }),
    ]),
  );
  world.status.accepted('same-namespace', 'HTTPRoute/retries-with-timeouts');
  return world.shared(V3);
}

conformanceTest('HTTPRouteRetryWithRequestTimeout', async (world) => {
  const pod = await limited(world);
  const path = '/request-timeout';
  const quick = { status: 500, succeedsAfter: 1 };
  expect(await troubled(world, pod, path, quick)).toEqual([200, 2]);
  const slow = { status: 500, succeedsAfter: 2, delayMs: 300 };
  const [status] = await troubled(world, pod, path, slow);
  expect(status).toBe(504);
});

conformanceTest('HTTPRouteRetryWithBackendTimeout', async (world) => {
  const pod = await limited(world);
  const within = { status: 500, succeedsAfter: 2, delayMs: 200 };
  // Longer than the limit in sum, but each try has its own.
  expect(await troubled(world, pod, '/backend-timeout', within)).toEqual([200, 3]);
  const beyond = { status: 500, succeedsAfter: 2, delayMs: 1000 };
  const [status] = await troubled(world, pod, '/request-timeout', beyond);
  expect(status).toBe(504);
});

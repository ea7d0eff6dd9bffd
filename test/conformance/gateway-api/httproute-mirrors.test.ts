import { until } from '#test/processes.ts';
import { expect } from 'vitest';
import { type World, conformanceTest } from './conformance.ts';
import { compareArrival } from './expectation.ts';
import { SAME, httpRoute, prefix, rule, to } from './manifests.ts';
import { MODIFIED } from './redirects.ts';

const [V1, V2, V3] = ['infra-backend-v1', 'infra-backend-v2', 'infra-backend-v3'] as const;

function mirrorTo(backend: string, share: object = {}): object {
  return { type: 'RequestMirror', requestMirror: { backendRef: to(backend), ...share } };
}

/** Requests with and without changed fields; each has to reach the backend and every mirror. */
async function mirrored(world: World, mirrors: readonly string[]): Promise<void> {
  const filters = mirrors.map((backend) => mirrorTo(backend));
  const [plain, modified] = ['/mirror', '/mirror-and-modify-headers'];
  await world.apply(
    SAME,
    httpRoute('mirrored', 'same-namespace', [
      rule(prefix(plain), V1, { filters }),
      rule(prefix(modified), V1, { filters: [MODIFIED.filter, ...filters] }),
    ]),
  );
  world.status.accepted('same-namespace', 'HTTPRoute/mirrored');
  const pods = await Promise.all(mirrors.map((name) => world.shared(name)));
  for (const pod of pods) pod.seen.length = 0;
  const asked = { path: modified, headers: MODIFIED.sent };
  await world.expect('same-namespace', [
    [{ path: plain }, V1],
    [asked, { backend: V1, arrives: MODIFIED.arrives }],
  ]);
  for (const [at, pod] of pods.entries()) {
    await until('both copies', () => pod.seen.length === 2);
    const copy = pod.seen.find(({ path }) => path === modified);
    expect(copy, 'the copy with changed fields').toBeDefined();
    const expected = { backend: mirrors[at] ?? '', arrives: MODIFIED.arrives };
    if (copy !== undefined) compareArrival('the copy', asked, expected, copy);
  }
}

conformanceTest('HTTPRouteRequestMirror', async (world) => {
  await mirrored(world, [V2]);
});

conformanceTest('HTTPRouteRequestMultipleMirrors', async (world) => {
  await mirrored(world, [V2, V3]);
});

conformanceTest('HTTPRouteRequestPercentageMirror', async (world) => {
  const count = 500;
  /** Each: how the share is written, the share, and what else happens to the request. */
  const shares = {
    '/percent-mirror': [{ percent: 20 }, 0.2, []],
    '/percent-mirror-fraction': [{ fraction: { numerator: 25, denominator: 50 } }, 0.5, []],
    '/percent-mirror-and-modify-headers': [{ percent: 35 }, 0.35, [MODIFIED.filter]],
  } as const;
  await world.apply(
    SAME,
    httpRoute(
      'percentage',
      'same-namespace',
      Object.entries(shares).map(([path, [share, , filters]]) =>
        rule(prefix(path), V1, { filters: [...filters, mirrorTo(V2, share)] }),
      ),
    ),
  );
  world.status.accepted('same-namespace', 'HTTPRoute/percentage');
  const pod = await world.shared(V2);
  for (const [path, [, share]] of Object.entries(shares)) {
    pod.seen.length = 0;
    for (let sent = 0; sent < count; sent++) {
      const { status } = await world.ask('same-namespace', { path });
      expect(status).toBe(200);
    }
    // Three standard deviations, as of any count of independent choices.
    const margin = 3 * Math.sqrt(count * share * (1 - share));
    await until(`a share of ${share}`, () => pod.seen.length >= count * share - margin);
    expect(pod.seen.length).toBeLessThanOrEqual(count * share + margin);
  }
});

import { leaf, trusting } from './certificates.ts';
import { type World, conformanceTest } from './conformance.ts';
import { SAME, from, gateway, http, httpRoute, https, prefix, rule, to } from './manifests.ts';
import {
  HOST_AND_STATUS,
  MODIFIED,
  PATHS,
  PORTS,
  SCHEMES,
  type Shape,
  fullPath,
  pathRewrites,
  prefixMatch,
  redirectTo,
  rewriteTo,
  statusRedirect,
} from './redirects.ts';
import type { At } from './world.ts';

const [V1, V2] = ['infra-backend-v1', 'infra-backend-v2'] as const;

async function shaped(world: World, { rules, cases }: Shape): Promise<void> {
  await world.apply(SAME, httpRoute('shaped', 'same-namespace', rules));
  world.status.accepted('same-namespace', 'HTTPRoute/shaped');
  await world.expect('same-namespace', cases);
}

conformanceTest('HTTPRoute303Redirect', async (world) => {
  await shaped(world, statusRedirect(303, '/see-other', 'POST'));
});

conformanceTest('HTTPRoute307Redirect', async (world) => {
  await shaped(world, statusRedirect(307, '/temporary'));
});

conformanceTest('HTTPRoute308Redirect', async (world) => {
  await shaped(world, statusRedirect(308, '/permanent'));
});

conformanceTest('HTTPRouteRedirectHostAndStatus', async (world) => {
  await shaped(world, HOST_AND_STATUS);
});

conformanceTest('HTTPRouteRedirectPath', async (world) => {
  await shaped(world, PATHS);
});

conformanceTest('HTTPRouteRedirectPort', async (world) => {
  await shaped(world, PORTS);
});

conformanceTest('HTTPRouteRedirectScheme', async (world) => {
  await shaped(world, SCHEMES);
});

conformanceTest('HTTPRouteRedirectPortAndScheme', async (world) => {
  world.secret('web', leaf(['example.org']));
  const hostname = 'example.org';
  /** Each: a Gateway and its listener, and for each scheme and port written what is expected. */
  const gateways: Record<string, [object, At, [string, object, string, number?][]]> = {
    'on-80': [
      http('http', from('Same')),
      {},
      [
        ['/scheme-nil-and-port-nil', {}, 'http'],
        ['/scheme-nil-and-port-80', { port: 80 }, 'http'],
        ['/scheme-nil-and-port-8080', { port: 8080 }, 'http', 8080],
        ['/scheme-https-and-port-nil', { scheme: 'https' }, 'https'],
        ['/scheme-https-and-port-443', { scheme: 'https', port: 443 }, 'https'],
        ['/scheme-https-and-port-8443', { scheme: 'https', port: 8443 }, 'https', 8443],
      ],
    ],
    'on-8080': [
      http('http', { port: 8080, ...from('Same') }),
      { port: 8080 },
      [
        ['/scheme-nil-and-port-nil', {}, 'http', 8080],
        ['/scheme-nil-and-port-80', { port: 80 }, 'http'],
        ['/scheme-https-and-port-nil', { scheme: 'https' }, 'https'],
      ],
    ],
    'on-443': [
      https('https', 'web', from('Same')),
      { tls: trusting() },
      [
        ['/scheme-nil-and-port-nil', {}, 'https'],
        ['/scheme-nil-and-port-443', { port: 443 }, 'https'],
        ['/scheme-nil-and-port-8443', { port: 8443 }, 'https', 8443],
        ['/scheme-http-and-port-nil', { scheme: 'http' }, 'http'],
        ['/scheme-http-and-port-80', { scheme: 'http', port: 80 }, 'http'],
        ['/scheme-http-and-port-8080', { scheme: 'http', port: 8080 }, 'http', 8080],
      ],
    ],
  };
  for (const [name, [listener, at, rows]] of Object.entries(gateways)) {
    const rules = rows.map(([path, target]) =>
      rule(prefix(path), undefined, { filters: [redirectTo({ hostname, ...target })] }),
    );
    await world.apply(gateway(name, [listener]), httpRoute(name, name, rules));
    world.status.accepted(name, `HTTPRoute/${name}`);
    await world.expect(
      name,
      rows.map(([path, , scheme, port]) => [
        { host: hostname, path },
        {
          status: 302,
          redirect: {
            scheme: scheme === 'https' ? 'https' : 'http',
            host: hostname,
            ...(port === undefined ? {} : { port }),
          },
        },
      ]),
      at,
    );
  }
});

conformanceTest('HTTPRouteRewritePath', async (world) => {
  await shaped(world, pathRewrites(to(V1), V1));
});

conformanceTest('HTTPRouteBackendURLRewrite', async (world) => {
  const rewritten = (target: object): object => to(V1, { filters: [rewriteTo(target)] });
  await shaped(world, {
    rules: [
      rule(prefix('/full'), rewritten(fullPath('/rewritten-full'))),
      rule(prefix('/prefix'), rewritten(prefixMatch('/rewritten-prefix'))),
    ],
    cases: [
      [{ path: '/full/original' }, { backend: V1, arrives: { path: '/rewritten-full' } }],
      [
        { path: '/prefix/original' },
        { backend: V1, arrives: { path: '/rewritten-prefix/original' } },
      ],
    ],
  });
});

conformanceTest('HTTPRouteRewriteHost', async (world) => {
  const host = 'rewrite.example';
  const modified = '/rewrite-host-and-modify-headers';
  const rewritten = (hostname: string): object => rewriteTo({ hostname });
  await world.apply(
    SAME,
    httpRoute(
      'rewrite-host',
      'same-namespace',
      [
        rule(prefix('/one'), V1, { filters: [rewritten('one.example.org')] }),
        rule(undefined, V2, { filters: [rewritten('example.org')] }),
        rule(prefix(modified), V2, { filters: [rewritten('test.example.org'), MODIFIED.filter] }),
      ],
      { hostnames: [host] },
    ),
  );
  world.status.accepted('same-namespace', 'HTTPRoute/rewrite-host');
  await world.expect('same-namespace', [
    [
      { host, path: '/one' },
      { backend: V1, arrives: { host: 'one.example.org' } },
    ],
    [
      { host, path: '/two' },
      { backend: V2, arrives: { host: 'example.org' } },
    ],
    [
      { host, path: modified, headers: MODIFIED.sent },
      { backend: V2, arrives: { host: 'test.example.org', ...MODIFIED.arrives } },
    ],
  ]);
});

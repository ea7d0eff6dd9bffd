import { leaf, trusting } from './certificates.ts';
import { type World, conformanceTest } from './conformance.ts';
import { from, gateway, httpRoute, https, prefix, rule } from './manifests.ts';

const [V1, V2, V3] = ['infra-backend-v1', 'infra-backend-v2', 'infra-backend-v3'] as const;
const GATEWAY = 'same-namespace-with-https-listener';
const HOSTS = {
  https: undefined,
  'https-with-hostname': 'second-example.org',
  'https-with-wildcard-hostname': '*.wildcard.org',
  'https-with-hostname-matching-wildcard': 'fourth-example.wildcard.org',
} as const;

function httpsGateway(world: World): object {
  const hosts = ['example.org', 'second-example.org', 'unknown-example.org', '*.wildcard.org'];
  world.secret('tls-validity-checks', leaf(hosts));
  const listeners = Object.entries(HOSTS).map(([name, hostname]) => {
    const more = hostname === undefined ? {} : { hostname };
    return https(name, 'infra/tls-validity-checks', { ...from('Same'), ...more });
  });
  return gateway(GATEWAY, listeners);
}

conformanceTest('HTTPRouteHTTPSListener', async (world) => {
  const section = { name: GATEWAY, sectionName: 'https-with-hostname' };
  await world.apply(
    httpsGateway(world),
    httpRoute('https-test', GATEWAY, [rule(undefined, V1)], { hostnames: ['example.org'] }),
    httpRoute('https-test-no-hostname', [section], [rule(undefined, V2)]),
  );
  world.status.accepted(GATEWAY, 'HTTPRoute/https-test');
  world.status.accepted(section, 'HTTPRoute/https-test-no-hostname');
  const tls = trusting();
  await world.expect(
    GATEWAY,
    [
      [{ host: 'example.org' }, V1],
      [{ host: 'unknown-example.org' }, 404],
      [{ host: 'second-example.org' }, V2],
    ],
    { tls },
  );
});

conformanceTest('HTTPRouteHTTPSListenerDetectMisdirectedRequests', async (world) => {
  const path = '/detect-misdirected-requests';
  const backends = [V1, V2, V3, V1];
  const sections = Object.keys(HOSTS).map((sectionName) => ({ name: GATEWAY, sectionName }));
  await world.apply(
    httpsGateway(world),
    ...sections.map((section, index) =>
      httpRoute(
        `test-${index}`,
        [section],
        [rule(prefix(path), backends[index])],
        index === 0 ? { hostnames: ['example.org'] } : {},
      ),
    ),
  );
  sections.forEach((section, index) => world.status.accepted(section, `HTTPRoute/test-${index}`));
  const [first, second, unknown] = ['example.org', 'second-example.org', 'unknown-example.org'];
  const [third, fourth, fifth] = [
    'third-example.wildcard.org',
    'fourth-example.wildcard.org',
    'fifth-example.wildcard.org',
  ];
  /** Each: the name in the handshake, the host of the request, and what becomes of it. */
  const cases = [
    [first, first, V1],
    [first, second, 421],
    [first, unknown, 404],
    [second, second, V2],
    [second, first, 421],
    [second, unknown, 421],
    [third, third, V3],
    [third, fifth, V3],
    [third, fourth, 421],
    [third, second, 421],
    [third, unknown, 421],
    [fourth, fourth, V1],
    [fourth, fifth, 421],
    [unknown, first, V1],
    [unknown, unknown, 404],
  ] as const;
  for (const [serverName, host, outcome] of cases) {
    const at = { tls: trusting(serverName), isHttp2: true };
    await world.expect(GATEWAY, [[{ host, path }, outcome]], at);
  }
});

import { conformanceTest } from './conformance.ts';
import { from, gateway, http, httpRoute, prefix, rule } from './manifests.ts';

const [V1, V2, V3] = ['infra-backend-v1', 'infra-backend-v2', 'infra-backend-v3'] as const;
const NAME = 'httproute-hostname-intersection';

conformanceTest('HTTPRouteHostnameIntersection', async (world) => {
  const listeners = ['very.specific.com', '*.wildcard.io', '*.anotherwildcard.io'].map(
    (hostname, index) => http(`listener-${index + 1}`, { hostname, ...from('Same') }),
  );
  const hosts = (name: string, path: string, backend: string, hostnames: string[]): object =>
    httpRoute(name, NAME, [rule(prefix(path), backend)], { hostnames });
  await world.apply(
    gateway(NAME, listeners),
    hosts('specific-specific', '/s1', V1, [
      ...['non.matching.com', '*.nonmatchingwildcard.io', 'very.specific.com'],
    ]),
    hosts('specific-wildcard', '/s2', V2, [
      ...['non.matching.com', 'wildcard.io', 'foo.wildcard.io', 'bar.wildcard.io'],
      'foo.bar.wildcard.io',
    ]),
    hosts('wildcard-specific', '/s3', V3, ['non.matching.com', '*.specific.com']),
    hosts('wildcard-wildcard', '/s4', V1, ['*.anotherwildcard.io']),
    hosts('no-intersecting-hosts', '/s5', V2, ['specific.but.wrong.com', 'wildcard.io']),
  );
  world.status.accepted(
    NAME,
    ...['HTTPRoute/specific-specific', 'HTTPRoute/specific-wildcard'],
    ...['HTTPRoute/wildcard-specific', 'HTTPRoute/wildcard-wildcard'],
  );
  const [very, wild, another] = ['very.specific.com', 'wildcard.io', 'anotherwildcard.io'];
  const nowhere = '/non-matching-prefix';
  await world.expect(NAME, [
    [{ host: very, path: '/s1' }, V1],
    // A port in the Host says nothing about the hostname.
    [{ host: `${very}:1234`, path: '/s1' }, V1],
    [{ host: 'non.matching.com', path: '/s1' }, 404],
    [{ host: 'foo.nonmatchingwildcard.io', path: '/s1' }, 404],
    [{ host: `foo.${wild}`, path: '/s1' }, 404],
    [{ host: very, path: nowhere }, 404],

    [{ host: `foo.${wild}`, path: '/s2' }, V2],
    [{ host: `bar.${wild}`, path: '/s2' }, V2],
    [{ host: `foo.bar.${wild}`, path: '/s2' }, V2],
    [{ host: 'non.matching.com', path: '/s2' }, 404],
    [{ host: wild, path: '/s2' }, 404],
    [{ host: very, path: '/s2' }, 404],
    [{ host: `foo.${wild}`, path: nowhere }, 404],

    [{ host: very, path: '/s3' }, V3],
    [{ host: 'non.matching.com', path: '/s3' }, 404],
    [{ host: 'foo.specific.com', path: '/s3' }, 404],
    [{ host: `foo.${wild}`, path: '/s3' }, 404],

    [{ host: `foo.${another}`, path: '/s4' }, V1],
    [{ host: `bar.${another}`, path: '/s4' }, V1],
    [{ host: `foo.bar.${another}`, path: '/s4' }, V1],
    [{ host: another, path: '/s4' }, 404],
    [{ host: `foo.${wild}`, path: '/s4' }, 404],
    [{ host: very, path: '/s4' }, 404],
    [{ host: `foo.${another}`, path: nowhere }, 404],

    [{ host: 'specific.but.wrong.com', path: '/s5' }, 404],
    [{ host: wild, path: '/s5' }, 404],
  ]);
  world.status.refused(NAME, 'HTTPRoute/no-intersecting-hosts', 'NoMatchingListenerHostname');
  world.status.listeners(NAME, [
    { name: 'listener-1', attachedRoutes: 2, supportedKinds: ['HTTPRoute'] },
    { name: 'listener-2', attachedRoutes: 1, supportedKinds: ['HTTPRoute'] },
    { name: 'listener-3', attachedRoutes: 1, supportedKinds: ['HTTPRoute'] },
  ]);

  const open = `${NAME}-all`;
  const hostnames = ['first.com', 'sub.first.com', 'second.com', 'sub.second.com'];
  await world.apply(
    gateway(open, [http('listener-1', from('Same'))]),
    httpRoute(open, open, [rule(undefined, V2)], { hostnames }),
  );
  world.status.accepted(open, `HTTPRoute/${open}`);
  await world.expect(open, [
    ...hostnames.map((host) => [{ host }, V2] as const),
    [{ host: 'third.com' }, 404],
    [{ host: 'sub.third.com' }, 404],
  ]);
});

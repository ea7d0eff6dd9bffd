import { conformanceTest } from './conformance.ts';
import {
  SAME,
  exact,
  from,
  gateway,
  headers,
  http,
  httpRoute,
  params,
  prefix,
  rule,
} from './manifests.ts';

const [V1, V2, V3] = ['infra-backend-v1', 'infra-backend-v2', 'infra-backend-v3'] as const;

conformanceTest('HTTPRouteExactPathMatching', async (world) => {
  const rules = [rule(exact('/one'), V1), rule(exact('/two'), V2)];
  await world.apply(SAME, httpRoute('exact-matching', 'same-namespace', rules));
  world.status.accepted('same-namespace', 'HTTPRoute/exact-matching');
  await world.expect('same-namespace', [
    [{ path: '/one' }, V1],
    [{ path: '/two' }, V2],
    [{ path: '/' }, 404],
    [{ path: '/one/example' }, 404],
    [{ path: '/two/' }, 404],
    [{ path: '/Two' }, 404],
  ]);
});

conformanceTest('HTTPRouteHeaderMatching', async (world) => {
  const [blue, green, red, yellow] = ['blue', 'green', 'red', 'yellow'].map((color) =>
    headers(['color', color]),
  );
  await world.apply(
    SAME,
    httpRoute('header-matching', 'same-namespace', [
      rule(headers(['version', 'one']), V1),
      rule(headers(['version', 'two']), V2),
      rule(headers(['version', 'two'], ['color', 'orange']), V1),
      rule([blue, green], V1),
      rule([red, yellow], V2),
    ]),
  );
  world.status.accepted('same-namespace', 'HTTPRoute/header-matching');
  await world.expect('same-namespace', [
    [{ headers: { Version: 'one' } }, V1],
    [{ headers: { Version: 'two' } }, V2],
    [{ headers: { Version: 'two', Color: 'orange' } }, V1],
    [{ headers: { Version: 'two', Color: 'blue' } }, V2],
    [{ headers: { Color: 'orange' } }, 404],
    [{ headers: { 'Some-Other-Header': 'one' } }, 404],
    [{ headers: { Color: 'blue' } }, V1],
    [{ headers: { Color: 'green' } }, V1],
    [{ headers: { Color: 'red' } }, V2],
    [{ headers: { Color: 'yellow' } }, V2],
    [{ headers: { Color: 'purple' } }, 404],
  ]);
});

conformanceTest('HTTPRouteMatching', async (world) => {
  await world.apply(
    SAME,
    httpRoute('matching', 'same-namespace', [
      rule([prefix('/'), headers(['version', 'one'])], V1),
      rule([prefix('/v2'), headers(['version', 'two'])], V2),
    ]),
  );
  world.status.accepted('same-namespace', 'HTTPRoute/matching');
  await world.expect('same-namespace', [
    [{ path: '/' }, V1],
    [{ path: '/example' }, V1],
    [{ headers: { Version: 'one' } }, V1],
    [{ path: '/v2' }, V2],
    [{ path: '/v2/example' }, V2],
    [{ headers: { Version: 'two' } }, V2],
    [{ path: '/v2/' }, V2],
    // A prefix ends where a segment does.
    [{ path: '/v2example' }, V1],
    [{ path: '/foo/v2/example' }, V1],
  ]);
});

conformanceTest('HTTPRouteMatchingAcrossRoutes', async (world) => {
  await world.apply(
    SAME,
    httpRoute(
      'matching-part1',
      'same-namespace',
      [rule([prefix('/'), headers(['version', 'one'])], V1)],
      { hostnames: ['example.com', 'example.net'] },
    ),
    httpRoute(
      'matching-part2',
      'same-namespace',
      [rule([prefix('/v2'), headers(['version', 'two'])], V2)],
      { hostnames: ['example.com'] },
    ),
  );
  world.status.accepted('same-namespace', 'HTTPRoute/matching-part1', 'HTTPRoute/matching-part2');
  const [com, net] = ['example.com', 'example.net'];
  await world.expect('same-namespace', [
    [{ host: com }, V1],
    [{ host: com, path: '/example' }, V1],
    [{ host: net, path: '/example' }, V1],
    [{ host: com, path: '/example', headers: { Version: 'one' } }, V1],
    [{ host: com, path: '/v2' }, V2],
    [{ host: net, path: '/v2' }, V1],
    [{ host: com, path: '/v2/example' }, V2],
    [{ host: com, headers: { Version: 'two' } }, V2],
  ]);
});

conformanceTest('HTTPRouteMethodMatching', async (world) => {
  const version = (value: string): object => headers(['version', value]);
  await world.apply(
    SAME,
    httpRoute('method-matching', 'same-namespace', [
      rule({ method: 'POST' }, V1),
      rule({ method: 'GET' }, V2),
      rule({ ...prefix('/path1'), method: 'GET' }, V1),
      rule({ ...version('one'), method: 'PUT' }, V2),
      rule({ ...prefix('/path2'), ...version('two'), method: 'POST' }, V3),
      rule(
        [
          { ...prefix('/path3'), method: 'PATCH' },
          { ...prefix('/path4'), ...version('three'), method: 'DELETE' },
        ],
        V1,
      ),
      rule(prefix('/path5'), V1),
      rule({ method: 'PATCH' }, V2),
      rule(version('four'), V3),
    ]),
  );
  world.status.accepted('same-namespace', 'HTTPRoute/method-matching');
  await world.expect('same-namespace', [
    [{ method: 'POST' }, V1],
    [{ method: 'GET' }, V2],
    [{ method: 'HEAD' }, 404],
    [{ path: '/path1' }, V1],
    [{ method: 'PUT', headers: { version: 'one' } }, V2],
    [{ method: 'POST', path: '/path2', headers: { version: 'two' } }, V3],
    [{ method: 'PATCH', path: '/path3' }, V1],
    [{ method: 'DELETE', path: '/path4', headers: { version: 'three' } }, V1],
    [{ method: 'PUT' }, 404],
    [{ method: 'DELETE', path: '/path4' }, 404],
    // A path counts more than a method, and a method more than a header.
    [{ method: 'PATCH', path: '/path5' }, V1],
    [{ method: 'PATCH', headers: { version: 'four' } }, V2],
  ]);
});

conformanceTest('HTTPRoutePathMatchOrder', async (world) => {
  await world.apply(
    SAME,
    httpRoute('path-matching-order', 'same-namespace', [
      rule(exact('/match'), V1),
      rule(exact('/match/exact'), V2),
      rule(exact('/match/exact/one'), V3),
      rule(prefix('/match/'), V3),
      rule(prefix('/match/prefix/'), V1),
      rule(prefix('/match/prefix/one'), V2),
    ]),
  );
  world.status.accepted('same-namespace', 'HTTPRoute/path-matching-order');
  await world.expect('same-namespace', [
    [{ path: '/match/exact/one' }, V3],
    [{ path: '/match/exact' }, V2],
    [{ path: '/match' }, V1],
    [{ path: '/match/prefix/one/any' }, V2],
    [{ path: '/match/prefix/any' }, V1],
    [{ path: '/match/any' }, V3],
  ]);
});

conformanceTest('HTTPRouteQueryParamMatching', async (world) => {
  const animal = (value: string): object => params(['animal', value]);
  const version = (value: string): object => headers(['version', value]);
  await world.apply(
    SAME,
    httpRoute('query-param-matching', 'same-namespace', [
      rule(animal('whale'), V1),
      rule(animal('dolphin'), V2),
      rule([params(['animal', 'dolphin'], ['color', 'blue']), params(['ANIMAL', 'Whale'])], V3),
      rule({ ...prefix('/path1'), ...animal('whale') }, V1),
      rule({ ...version('one'), ...animal('whale') }, V2),
      rule({ ...prefix('/path2'), ...version('two'), ...animal('whale') }, V3),
      rule(
        [
          { ...prefix('/path3'), ...animal('shark') },
          { ...prefix('/path4'), ...version('three'), ...animal('kraken') },
        ],
        V1,
      ),
      rule(prefix('/path5'), V1),
      rule(animal('hydra'), V2),
      rule(version('four'), V3),
    ]),
  );
  world.status.accepted('same-namespace', 'HTTPRoute/query-param-matching');
  await world.expect('same-namespace', [
    [{ path: '/?animal=whale' }, V1],
    [{ path: '/?animal=dolphin' }, V2],
    [{ path: '/?animal=dolphin&color=blue' }, V3],
    [{ path: '/?ANIMAL=Whale' }, V3],
    [{ path: '/?animal=whale&otherparam=irrelevant' }, V1],
    [{ path: '/?animal=dolphin&color=yellow' }, V2],
    [{ path: '/?color=blue' }, 404],
    [{ path: '/?animal=dog' }, 404],
    [{ path: '/?animal=whaledolphin' }, 404],
    [{ path: '/' }, 404],
    [{ path: '/path1?animal=whale' }, V1],
    [{ path: '/?animal=whale', headers: { version: 'one' } }, V2],
    [{ path: '/path2?animal=whale', headers: { version: 'two' } }, V3],
    [{ path: '/path3?animal=shark' }, V1],
    [{ path: '/path4?animal=kraken', headers: { version: 'three' } }, V1],
    [{ path: '/?animal=shark' }, 404],
    [{ path: '/path4?animal=kraken' }, 404],
    // A path counts more than a parameter, and a header more than a parameter.
    [{ path: '/path5?animal=hydra' }, V1],
    [{ path: '/?animal=hydra', headers: { version: 'four' } }, V3],
  ]);
});

conformanceTest('HTTPRouteRuleOrder', async (world) => {
  const both: [string, string][] = [
    ['x-version', 'one'],
    ['x-color', 'blue'],
  ];
  const lost = exact('/rule-order-invalid-backend');
  await world.apply(
    SAME,
    httpRoute('rule-order', 'same-namespace', [
      rule({ ...exact('/rule-order'), ...headers(...both) }, V1),
      rule({ ...exact('/rule-order'), ...headers(...both.toReversed()) }, V2),
    ]),
    httpRoute('rule-order-invalid-backend', 'same-namespace', [
      rule(lost, 'nonexistent'),
      rule(lost, V2),
    ]),
  );
  world.status.accepted('same-namespace', 'HTTPRoute/rule-order');
  world.status.unresolved(
    'same-namespace',
    'HTTPRoute/rule-order-invalid-backend',
    'BackendNotFound',
  );
  await world.expect('same-namespace', [
    [{ path: '/rule-order', headers: { 'x-color': 'blue', 'x-version': 'one' } }, V1],
    // The first rule of equals is the one, also where it leads nowhere.
    [{ path: '/rule-order-invalid-backend' }, 500],
  ]);
});

conformanceTest('HTTPRouteNamedRule', async (world) => {
  await world.apply(
    SAME,
    httpRoute('http-named-rules', 'same-namespace', [
      rule(prefix('/named'), V1, { name: 'named-rule' }),
      rule(prefix('/unnamed'), V2),
    ]),
  );
  world.status.accepted('same-namespace', 'HTTPRoute/http-named-rules');
  await world.expect('same-namespace', [
    [{ path: '/named' }, V1],
    [{ path: '/unnamed' }, V2],
  ]);
});

conformanceTest('HTTPRouteListenerHostnameMatching', async (world) => {
  const name = 'httproute-listener-hostname-matching';
  const hosts = ['bar.com', 'foo.bar.com', '*.bar.com', '*.foo.com'];
  const listeners = hosts.map((hostname, index) =>
    http(`listener-${index + 1}`, { hostname, ...from('Same') }),
  );
  const at = (index: number) => ({ name, sectionName: `listener-${index}` });
  await world.apply(
    gateway(name, listeners),
    httpRoute('backend-v1', [at(1)], [rule(undefined, V1)]),
    httpRoute('backend-v2', [at(2)], [rule(undefined, V2)]),
    httpRoute('backend-v3', [at(3), at(4)], [rule(undefined, V3)]),
  );
  world.status.accepted(at(1), 'HTTPRoute/backend-v1');
  world.status.accepted(at(2), 'HTTPRoute/backend-v2');
  world.status.accepted(at(3), 'HTTPRoute/backend-v3');
  world.status.accepted(at(4), 'HTTPRoute/backend-v3');
  await world.expect(name, [
    [{ host: 'bar.com' }, V1],
    [{ host: 'foo.bar.com' }, V2],
    [{ host: 'baz.bar.com' }, V3],
    [{ host: 'boo.bar.com' }, V3],
    [{ host: 'multiple.prefixes.bar.com' }, V3],
    [{ host: 'multiple.prefixes.foo.com' }, V3],
    [{ host: 'foo.com' }, 404],
    [{ host: 'no.matching.host' }, 404],
  ]);
});

conformanceTest('HTTPRouteListenerPortMatching', async (world) => {
  const name = 'httproute-listener-port-matching';
  const listener = (index: number, port: number, hostname: string): object =>
    http(`listener-${index}`, { port, hostname, ...from('Same') });
  await world.apply(
    gateway(name, [
      listener(1, 80, 'foo.com'),
      listener(2, 8080, 'foo.com'),
      listener(3, 8080, 'bar.com'),
      listener(4, 8090, 'foo.com'),
      listener(5, 8090, 'bar.com'),
    ]),
    httpRoute('backend-v1', [{ name, port: 80 }], [rule(undefined, V1)]),
    httpRoute('backend-v2', [{ name, port: 8080 }], [rule(undefined, V2)]),
    httpRoute(
      'backend-v3',
      [{ name, port: 8090, sectionName: 'listener-4' }],
      [rule(undefined, V3)],
    ),
  );
  world.status.accepted({ name, port: 80 }, 'HTTPRoute/backend-v1');
  world.status.accepted({ name, port: 8080 }, 'HTTPRoute/backend-v2');
  world.status.accepted({ name, port: 8090, sectionName: 'listener-4' }, 'HTTPRoute/backend-v3');
  await world.expect(name, [[{ host: 'foo.com' }, V1]]);
  const second = { port: 8080 };
  await world.expect(name, [[{ host: 'foo.com:8080' }, V2]], second);
  await world.expect(name, [[{ host: 'bar.com:8080' }, V2]], second);
  const third = { port: 8090 };
  await world.expect(name, [[{ host: 'foo.com:8090' }, V3]], third);
  await world.expect(name, [[{ host: 'bar.com:8090' }, 404]], third);
});

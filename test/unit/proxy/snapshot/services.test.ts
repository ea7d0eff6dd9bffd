import { readResource } from '#contracts/resources/read.ts';
import { describe, expect, it, test } from 'vitest';
import { World, gateway, own, route, rule, service, slice } from '../support/world.ts';

/** As the API server of Kubernetes returns a Service. */
const FROM_KUBERNETES = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'app', namespace: 'shop', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: {
    ...{ type: 'LoadBalancer', clusterIP: '10.96.0.7', clusterIPs: ['10.96.0.7', 'fd00::7'] },
    ...{ ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'PreferDualStack' },
    ...{ internalTrafficPolicy: 'Cluster', externalTrafficPolicy: 'Local' },
    ...{ selector: { 'app.example/name': 'app' }, sessionAffinity: 'None' },
    ...{ externalIPs: ['192.0.2.1'], healthCheckNodePort: 30_001 },
    ...{ allocateLoadBalancerNodePorts: true, loadBalancerClass: 'a.example/b' },
    ...{ loadBalancerSourceRanges: ['192.0.2.0/24'], publishNotReadyAddresses: false },
    trafficDistribution: 'PreferClose',
    ports: [
      { name: 'web', protocol: 'TCP', port: 80, targetPort: 8080, nodePort: 30_000 },
      { name: 'by-name', protocol: 'TCP', port: 81, targetPort: 'http', appProtocol: 'http' },
      { name: 'dns', protocol: 'UDP', port: 80, targetPort: 53 },
      { name: 'signals', protocol: 'SCTP', port: 82 },
    ],
  },
  status: { loadBalancer: {} },
};

/** As the controller of Kubernetes writes one. */
const SLICE = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: {
    ...{ name: 'app-x7', namespace: 'shop' },
    labels: { 'kubernetes.io/service-name': 'app' },
  },
  addressType: 'IPv4',
  endpoints: [
    {
      addresses: ['10.0.0.1'],
      conditions: { ready: true, serving: true, terminating: false },
      ...{ hostname: 'app-0', nodeName: 'node-1', zone: 'zone-a' },
      targetRef: { kind: 'Pod', namespace: 'shop', name: 'app-0', uid: 'u' },
      deprecatedTopology: { 'example.com/rack': 'r' },
      hints: { forZones: [{ name: 'zone-a' }], forNodes: [{ name: 'node-1' }] },
    },
    {
      addresses: ['10.0.0.2'],
      conditions: { ready: false, serving: true, terminating: true },
    },
    { addresses: ['10.0.0.3'] },
  ],
  ports: [
    { name: 'web', port: 8080, protocol: 'TCP', appProtocol: 'http' },
    { name: 'dns', port: 53, protocol: 'UDP' },
  ],
};

function shop(port: number): object {
  return route('r', { rules: [rule('/', 'app', { backendRefs: [{ name: 'app', port }] })] });
}

const NOT_USABLE = 'HTTPRoute/shop/r spec.rules[0].backendRefs[0].port invalid_reference';

test('a Service and its slice as Kubernetes has them serve as they are', () => {
  const world = new World(gateway('edge', [{}]), FROM_KUBERNETES, SLICE, shop(80));
  expect(world.findings).toEqual([]);
  const app = world.snapshot.services.get('shop/app');
  expect(app?.ports.map(({ port, name }) => [port, name])).toEqual([
    [80, 'web'],
    [81, 'by-name'],
  ]);
  expect(app?.declared).toEqual([
    { address: '10.0.0.1', port: 8080, portName: 'web', proxy: '', zone: 'zone-a' },
    { address: '10.0.0.3', port: 8080, portName: 'web', proxy: '', zone: '' },
  ]);
});

test('a headless Service leads to the endpoints of its slices, of both families', () => {
  const ports = [{ name: 'web', port: 80, targetPort: 3000 }];
  const headless = { ...service('app'), spec: { clusterIP: 'None', ports } };
  const of = (name: string, addressType: string, addresses: string[]): object => ({
    ...slice('app', addresses, { addressType, ports: [{ name: 'web', port: 3000 }] }),
    metadata: { ...SLICE.metadata, name },
  });
  const { endpoints: _, ...empty } = of('empty', 'IPv4', []) as { endpoints: unknown };
  const world = new World(headless, of('v4', 'IPv4', ['10.0.0.1']), of('v6', 'IPv6', ['fd00::1']));
  world.apply(empty);
  expect(world.findings).toEqual([]);
  const { declared } = world.snapshot.services.get('shop/app') ?? {};
  expect(declared?.map(({ address, port }) => [address, port])).toEqual([
    ['10.0.0.1', 3000],
    ['fd00::1', 3000],
  ]);
});

test('the same number twice is one port for each protocol', () => {
  const ports = [
    { name: 'a', port: 53 },
    { name: 'b', port: 53, protocol: 'UDP' },
    { name: 'c', port: 53, protocol: 'UDP' },
  ];
  expect(new World(service('app', ports)).findings).toEqual([
    'Service/shop/app spec.ports[2].port duplicate',
  ]);
});

test('a port for UDP is no backend', () => {
  const ports = [{ name: 'dns', port: 53, protocol: 'UDP' }];
  const world = new World(gateway('edge', [{}]), service('app', ports), shop(53));
  expect(world.findings).toEqual([NOT_USABLE]);
  expect(world.problems[0]?.message).toBe('port 53 of the Service shop/app is UDP');
  world.apply(service('app', [...ports, { name: 'web', port: 53 }]));
  expect(world.findings).toEqual([]);
});

const SYSTEM = { hostname: 'app.internal', wellKnownCACertificates: 'System' };

function policy(target: object = {}): object {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'BackendTLSPolicy',
    metadata: { name: 'app', namespace: 'shop' },
    spec: { targetRefs: [{ kind: 'Service', name: 'app', ...target }], validation: SYSTEM },
  };
}

describe('a port that says it is TLS', () => {
  it.each(['https', 'HTTPS', 'kubernetes.io/wss'])(
    '%s is a backend while a BackendTLSPolicy says whom to trust',
    (appProtocol) => {
      const ports = [{ name: 'web', port: 80, appProtocol }];
      const world = new World(gateway('edge', [{}]), service('app', ports), shop(80));
      expect(world.findings).toEqual([NOT_USABLE]);
      world.apply(policy());
      expect(world.findings).toEqual([]);
      world.apply(policy({ sectionName: 'web' }));
      expect(world.findings).toEqual([]);
      world.delete({ kind: 'BackendTLSPolicy', namespace: 'shop', name: 'app' });
      expect(world.findings).toEqual([NOT_USABLE]);
    },
  );

  it('is one for a TCPRoute, which does not read what passes', () => {
    const world = new World(
      gateway('edge', [{ protocol: 'TCP' }]),
      service('app', [{ port: 80, appProtocol: 'https' }]),
      {
        ...{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'TCPRoute' },
        metadata: { name: 't', namespace: 'shop' },
        spec: {
          parentRefs: [{ name: 'edge' }],
          rules: [{ backendRefs: [{ name: 'app', port: 80 }] }],
        },
      },
    );
    expect(world.findings).toEqual([]);
  });
});

test.each([['sessionAffinity: ClientIP', service('app'), { sessionAffinity: 'ClientIP' }]])(
  '%s is refused by name',
  (_name, document, more) => {
    const { spec } = document as { spec: object };
    const read = readResource({ ...document, spec: { ...spec, ...more } }, 'test');
    expect(read.ok ? [] : read.problems.map(({ reason }) => reason)).toEqual(
      Object.keys(more).map(() => 'not_supported_yet'),
    );
  },
);

describe('endpoints by name', () => {
  const external = (more: object, ports: object[] = [{ port: 80 }]): object => {
    const made = service('app', ports as never) as { spec: object };
    return { ...made, spec: { ...made.spec, type: 'ExternalName', ...more } };
  };
  const declaredIn = (...documents: object[]): { said: string[]; findings: string[] } => {
    const { snapshot, findings } = new World(...documents);
    const declared = snapshot.services.get('shop/app')?.declared ?? [];
    return {
      said: declared.map(({ address, port, portName }) => `${address}:${port} ${portName}`),
      findings,
    };
  };

  it('an ExternalName leads each port of the Service to a host, or an address', () => {
    const ports = [
      { name: 'http', port: 80 },
      { name: 'tls', port: 443, targetPort: 8443 },
    ];
    expect(declaredIn(external({ externalName: 'api.example' }, ports))).toEqual({
      said: ['api.example:80 http', 'api.example:8443 tls'],
      findings: [],
    });
    expect(declaredIn(external({ externalName: '2001:db8::1' })).said).toEqual(['2001:db8::1:80 ']);
  });

  it.each([
    [{}, 'spec.externalName missing_field'],
    [{ externalName: 'not a name' }, 'spec.externalName invalid_value'],
    [{ externalName: '169.254.169.254' }, 'spec.externalName invalid_value'],
    [{ type: 'ClusterIP', externalName: 'api.example' }, 'spec.externalName invalid_value'],
  ])('%j is none', (more, finding) => {
    const { said, findings } = declaredIn(external(more));
    expect([said, findings]).toEqual([[], [`Service/shop/app ${finding}`]]);
  });

  it('an external address is bounded by the networks of the mesh', () => {
    const mesh = own('Mesh', 'demo', { endpointCidrs: ['10.0.0.0/8'] });
    expect(declaredIn(mesh, external({ externalName: '10.1.1.1' })).findings).toEqual([]);
    expect(declaredIn(mesh, external({ externalName: '192.0.2.1' })).findings).toHaveLength(1);
  });

  const fqdn = (...addresses: string[]): object => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      ...{ name: 'app-1', namespace: 'shop' },
      labels: { 'kubernetes.io/service-name': 'app' },
    },
    addressType: 'FQDN',
    endpoints: [{ addresses }],
    ports: [{ port: 8080 }],
  });

  it('a slice of names has them as endpoints, and no addresses', () => {
    const { said, findings } = declaredIn(service('app'), fqdn('a.example', '10.0.0.1', 'no_name'));
    expect(said).toEqual(['a.example:8080 ']);
    expect(findings).toEqual([
      'EndpointSlice/shop/app-1 endpoints[0].addresses[1] invalid_value',
      'EndpointSlice/shop/app-1 endpoints[0].addresses[2] invalid_value',
    ]);
  });
});

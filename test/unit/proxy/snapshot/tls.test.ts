import { describe, expect, it, test } from 'vitest';
import { readResource } from '#contracts/resources/read.ts';
import { explain } from '#proxy/pure.ts';
import { socketTable } from '#proxy/route/sockets.ts';
import { NOW_MS, World, gateway, route, rule, service } from '../support/world.ts';

const GROUP = 'gateway.networking.k8s.io';
const TLS = { certificateRefs: [{ name: 'web' }] };
const HTTPS = { protocol: 'HTTPS', port: 443, tls: TLS };

function stream(kind: 'TLSRoute' | 'TCPRoute', name: string, spec: object = {}): object {
  const hostnames = kind === 'TLSRoute' ? { hostnames: ['db.example'] } : {};
  return {
    apiVersion: `${GROUP}/v1`,
    kind,
    metadata: { name, namespace: 'shop' },
    spec: {
      parentRefs: [{ name: 'edge' }],
      rules: [{ backendRefs: [{ name: 'app', port: 80 }] }],
      ...hostnames,
      ...spec,
    },
  };
}

const VALIDATION = {
  hostname: 'app.internal',
  caCertificateRefs: [{ kind: 'ConfigMap', name: 'ca' }],
};

function backendTls(name: string, validation: object = VALIDATION, target: object = {}): object {
  return {
    apiVersion: `${GROUP}/v1`,
    kind: 'BackendTLSPolicy',
    metadata: { name, namespace: 'shop' },
    spec: { targetRefs: [{ kind: 'Service', name: 'app', ...target }], validation },
  };
}

const clients = (names: object[]): object => ({
  tls: { frontend: { default: { validation: { caCertificateRefs: names } } } },
});

const CASES: [string, object[], string[]][] = [
  ['HTTPS and TLS on one port', [gateway('edge', [HTTPS, tlsListener({ name: 'db' })])], []],
  [
    'HTTP and HTTPS on one port',
    [gateway('edge', [{ port: 443 }, { name: 'b', hostname: 'a.example', ...HTTPS }])],
    [
      'Gateway/shop/edge spec.listeners[0].protocol conflict',
      'Gateway/shop/edge spec.listeners[1].protocol conflict',
    ],
  ],
  [
    'HTTPS and TLS of one host',
    [gateway('edge', [HTTPS, tlsListener({ name: 'db', hostname: undefined })])],
    [
      'Gateway/shop/edge spec.listeners[0] conflict',
      'Gateway/shop/edge spec.listeners[1] conflict',
    ],
  ],
  [
    'a certificate that is missing',
    [gateway('edge', [{ protocol: 'HTTPS' }])],
    ['Gateway/shop/edge spec.listeners[0].tls.certificateRefs missing_field'],
  ],
  [
    'TLS for HTTP, and a hostname for TCP',
    [
      gateway('edge', [
        { tls: TLS },
        { name: 'b', protocol: 'TCP', port: 81, hostname: 'a.example' },
      ]),
    ],
    [
      'Gateway/shop/edge spec.listeners[0].tls invalid_value',
      'Gateway/shop/edge spec.listeners[1].hostname invalid_value',
    ],
  ],
  [
    'passing through for HTTPS, but not with a certificate that nobody uses',
    [
      gateway('edge', [
        { ...HTTPS, tls: { mode: 'Passthrough' } },
        { name: 'b', protocol: 'TLS', port: 444, tls: { ...TLS, mode: 'Passthrough' } },
      ]),
    ],
    ['Gateway/shop/edge spec.listeners[0].tls.mode invalid_value'],
  ],
  [
    'certificates twice, and of another namespace',
    [
      gateway('edge', [
        {
          ...HTTPS,
          tls: {
            certificateRefs: [{ name: 'a' }, { name: 'a' }, { name: 'a', namespace: 'bank' }],
          },
        },
      ]),
    ],
    [
      'Gateway/shop/edge spec.listeners[0].tls.certificateRefs[1].name duplicate',
      'Gateway/shop/edge spec.listeners[0].tls.certificateRefs[2].namespace invalid_reference',
    ],
  ],
  [
    'authorities of clients, said once whatever the listeners',
    [
      gateway(
        'edge',
        [HTTPS, tlsListener({ name: 'db' })],
        clients([{ kind: 'ConfigMap', name: 'ca', namespace: 'bank' }]),
      ),
    ],
    [
      'Gateway/shop/edge spec.tls.frontend.default.validation.caCertificateRefs[0].namespace ' +
        'invalid_reference',
    ],
  ],
  [
    'routes on listeners for something else',
    [
      gateway('edge', [{ name: 'a' }, { name: 'b', ...HTTPS }]),
      service('app'),
      stream('TLSRoute', 'tls'),
      stream('TCPRoute', 'tcp'),
    ],
    [
      'TCPRoute/shop/tcp spec.parentRefs[0] invalid_reference',
      'TLSRoute/shop/tls spec.parentRefs[0] invalid_reference',
    ],
  ],
  [
    'an HTTPRoute and a TCPRoute on what passes through',
    [
      gateway('edge', [tlsListener({ tls: { mode: 'Passthrough' } })]),
      service('app'),
      route('web', { rules: [rule('/', 'app')] }),
      stream('TCPRoute', 'tcp'),
    ],
    [
      'HTTPRoute/shop/web spec.parentRefs[0] invalid_reference',
      'TCPRoute/shop/tcp spec.parentRefs[0] invalid_reference',
    ],
  ],
  [
    'streams to nobody, for other names',
    [
      gateway('edge', [tlsListener({ hostname: '*.other.example' })]),
      service('app'),
      stream('TLSRoute', 'b'),
      stream('TCPRoute', 'c', { rules: [{ backendRefs: [{ name: 'nobody', port: 80 }] }] }),
    ],
    [
      'TCPRoute/shop/c spec.rules[0].backendRefs[0].name missing_reference',
      'TLSRoute/shop/b spec.parentRefs[0] invalid_reference',
    ],
  ],
  [
    'policies for backends',
    [
      service('app', [{ port: 80, name: 'web' }]),
      backendTls('a', { hostname: 'a.internal' }),
      backendTls('b', { ...VALIDATION, wellKnownCACertificates: 'System' }),
      backendTls('c', VALIDATION, { sectionName: 'nope' }),
      backendTls('d', VALIDATION, { name: 'nobody' }),
    ],
    [
      'BackendTLSPolicy/shop/a spec.validation missing_field',
      'BackendTLSPolicy/shop/b spec.targetRefs[0] conflict',
      'BackendTLSPolicy/shop/b spec.validation invalid_value',
      'BackendTLSPolicy/shop/c spec.targetRefs[0].sectionName missing_reference',
      'BackendTLSPolicy/shop/d spec.targetRefs[0].name missing_reference',
    ],
  ],
  [
    'authorities and names of a policy for backends',
    [
      service('app', [{ port: 80, name: 'web' }]),
      backendTls('a', {
        hostname: 'a.internal',
        caCertificateRefs: [{ group: 'a.example', kind: 'Bundle', name: 'ca' }],
      }),
      backendTls(
        'b',
        { hostname: 'a.internal', wellKnownCACertificates: 'a.example/ours' },
        { sectionName: 'web' },
      ),
      backendTls(
        'c',
        {
          ...VALIDATION,
          subjectAltNames: [
            { type: 'URI', hostname: 'a.internal' },
            { type: 'Hostname', hostname: 'a.internal', uri: 'spiffe://a/b' },
          ],
        },
        { name: 'other' },
      ),
      service('other'),
    ],
    [
      'BackendTLSPolicy/shop/a spec.validation.caCertificateRefs[0].kind invalid_reference',
      'BackendTLSPolicy/shop/b spec.validation.wellKnownCACertificates invalid_value',
      'BackendTLSPolicy/shop/c spec.validation.subjectAltNames[0].hostname invalid_value',
      'BackendTLSPolicy/shop/c spec.validation.subjectAltNames[0].uri missing_field',
      'BackendTLSPolicy/shop/c spec.validation.subjectAltNames[1].uri invalid_value',
    ],
  ],
];

function tlsListener(more: object): object {
  return { protocol: 'TLS', port: 443, hostname: 'db.example', tls: TLS, ...more };
}

describe('what is wrong', () => {
  it.each(CASES)('%s', (_name, resources, findings) => {
    const clean = resources.map((each) => JSON.parse(JSON.stringify(each)) as object);
    expect(new World(...clean).findings).toEqual(findings);
  });
});

test('a listener that is wrong is not served in the clear', () => {
  const world = new World(gateway('edge', [{ protocol: 'HTTPS', port: 443 }, { name: 'b' }]));
  expect(world.snapshot.listeners.map(({ name }) => name)).toEqual(['Gateway/shop/edge/b']);
});

test('client certificates are asked for by port', () => {
  const frontend = {
    default: { validation: { caCertificateRefs: [{ kind: 'ConfigMap', name: 'all' }] } },
    perPort: [{ port: 444, tls: {} }],
  };
  const world = new World(
    gateway('edge', [HTTPS, { ...HTTPS, name: 'b', port: 444 }], { tls: { frontend } }),
  );
  expect(world.findings).toEqual([]);
  expect(world.snapshot.listeners.map(({ tls }) => tls)).toEqual([
    { certificates: ['shop/web'] },
    {
      certificates: ['shop/web'],
      clientAuthorities: ['shop/all'],
      clientsPath: 'spec.tls.frontend.default.validation',
    },
  ]);
});

test('the policy of a port comes before that of the Service, and goes with it', () => {
  const ports = [
    { port: 80, name: 'web' },
    { port: 81, name: 'admin' },
  ];
  const world = new World(service('app', ports), backendTls('whole'));
  world.apply(
    backendTls('port', { ...VALIDATION, hostname: 'admin.internal' }, { sectionName: 'admin' }),
  );
  const names = (): unknown[] | undefined =>
    world.snapshot.services.get('shop/app')?.ports.map(({ tls }) => tls?.serverName);
  expect(names()).toEqual(['app.internal', 'admin.internal']);
  world.delete({ kind: 'BackendTLSPolicy', namespace: 'shop', name: 'whole' });
  expect(names()).toEqual([undefined, 'admin.internal']);
  expect(world.full().snapshot.services.get('shop/app')).toEqual(
    world.snapshot.services.get('shop/app'),
  );
});

test('an older Gateway decides what a shared socket speaks', () => {
  const world = new World(gateway('one', [{ port: 443 }]));
  world.apply(gateway('two', [HTTPS]), service('app'), route('all', { rules: [rule('/', 'app')] }));
  const socket = socketTable(world.snapshot.listeners).get(':443');
  expect(socket?.transport).toBe('clear');
  expect(socket?.any?.name).toBe('Gateway/shop/one/http');
  world.delete({ kind: 'Gateway', namespace: 'shop', name: 'one' });
  expect(socketTable(world.snapshot.listeners).get(':443')?.transport).toBe('tls');
});

test('explain tells an https URL from an http one', () => {
  const world = new World(
    gateway('edge', [{ name: 'plain' }, { ...HTTPS, name: 'secure' }]),
    ...[service('app'), service('other')],
    route('plain', {
      parentRefs: [{ name: 'edge', sectionName: 'plain' }],
      rules: [rule('/', 'app')],
    }),
    route('secure', {
      parentRefs: [{ name: 'edge', sectionName: 'secure' }],
      rules: [rule('/', 'other')],
    }),
  );
  const routeOf = (url: string): unknown =>
    explain(world.snapshot, { method: 'GET', url }, { wallMs: NOW_MS }).match?.route;
  expect(routeOf('http://shop.example/')).toBe('shop/plain');
  expect(routeOf('https://shop.example/')).toBe('shop/secure');
  expect(routeOf('https://shop.example:444/')).toBeUndefined();
});

test.each([
  ['two rules', stream('TCPRoute', 'a', { rules: [{}, {}] }), 'spec.rules'],
  ['a wildcard as a name to verify', backendTls('a', { hostname: '*.a.example' }), 'hostname'],
  ['an option', withOptions(backendTls('a')), 'options is not supported'],
])('%s is refused by name', (_name, document, word) => {
  const read = readResource(document, 'test');
  expect(read.ok).toBe(false);
  const text = read.ok ? '' : read.problems.map(({ path, message }) => path + message).join('\n');
  expect(text).toContain(word);
});

function withOptions(policy: object): object {
  const { spec } = policy as { spec: object };
  return { ...policy, spec: { ...spec, options: { 'a.example/b': 'c' } } };
}

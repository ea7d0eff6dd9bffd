import { expect, test } from 'vitest';
import { importDocuments } from '../../../../services/cli/import/import.ts';
import { translated } from './deciding.ts';

const route = (host: string): object[] => [{ destination: { host, port: { number: 80 } } }];

function virtualService(http: object[], spec: object = {}): object {
  return {
    apiVersion: 'networking.istio.io/v1beta1',
    kind: 'VirtualService',
    metadata: { name: 'v', namespace: 'shop' },
    spec: { hosts: ['a.example'], gateways: ['edge'], http, ...spec },
  };
}

function destinationRule(trafficPolicy: object, spec: object = {}): object {
  return {
    apiVersion: 'networking.istio.io/v1alpha3',
    kind: 'DestinationRule',
    metadata: { name: 'd', namespace: 'shop' },
    spec: { host: 'web', trafficPolicy, ...spec },
  };
}

/** `level path` of each note of one document. */
function notesOf(value: object, options = {}): string[] {
  const { notes } = importDocuments([{ where: 'x', value }], options);
  return notes.map(({ level, path }) => `${level} ${path}`);
}

test('conditions of every usual kind decide as in Istio', () => {
  const { decide, notes } = translated([
    virtualService([
      { match: [{ uri: { exact: '/x' }, method: { regex: 'GET|HEAD' } }], route: route('exact') },
      { match: [{ uri: { regex: '/r[0-9]+' } }], route: route('regex') },
      { match: [{ headers: { user: { prefix: 'a.' }, any: {} } }], route: route('header') },
      { match: [{ queryParams: { v: { exact: '2' } } }], route: route('query') },
      { route: route('rest') },
    ]),
  ]);
  expect(notes.filter(({ level }) => level === 'lost')).toEqual([]);
  const at = (path: string, method?: string, headers?: object): string | undefined =>
    decide(`http://a.example${path}`, method, headers)?.backend;
  expect(at('/x')).toBe('shop/exact:80');
  expect(at('/x', 'HEAD')).toBe('shop/exact:80');
  expect(at('/x', 'POST')).toBe('shop/rest:80');
  expect(at('/', 'GET', { user: 'a.b', any: '' })).toBe('shop/header:80');
  expect(at('/', 'GET', { user: 'ab', any: '' })).toBe('shop/rest:80');
  expect(at('/', 'GET', { user: 'a.b' })).toBe('shop/rest:80');
  expect(at('/?v=2')).toBe('shop/query:80');
  expect(decide('http://b.example/')).toBeUndefined();
});

test('a match is left out whole when one of its conditions has no equal', () => {
  const conditions: Record<string, unknown> = {
    authority: { exact: 'a.example' },
    scheme: { exact: 'https' },
    port: 80,
    sourceLabels: { app: 'x' },
    sourceNamespace: 'x',
    withoutHeaders: { x: {} },
    invented: 1,
    uri: { regex: '(?=x)' },
    method: { prefix: 'G' },
    headers: { 'bad name': { exact: 'x' } },
  };
  for (const [key, value] of Object.entries(conditions)) {
    const match = [{ uri: { exact: '/a' }, [key]: value }, { uri: { exact: '/b' } }];
    const { decide, notes } = translated([virtualService([{ match, route: route('web') }])]);
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatchObject({ level: 'lost', path: expect.stringContaining(key) });
    expect(decide('http://a.example/a')).toBeUndefined();
    expect(decide('http://a.example/b')?.backend).toBe('shop/web:80');
  }
});

test.each([
  [{ directResponse: { status: 200 } }, 'lost spec.http[0].directResponse'],
  [{ delegate: { name: 'x' } }, 'lost spec.http[0].delegate'],
  [{ redirect: { uri: '/a?b' } }, 'lost spec.http[0].redirect'],
  [{ redirect: { redirectCode: 304 } }, 'lost spec.http[0].redirect'],
  [{ redirect: { uri: '/a', derivePort: 'X' } }, 'lost spec.http[0].redirect.derivePort'],
  [{ rewrite: { uriRegexRewrite: {} } }, 'lost spec.http[0].rewrite.uriRegexRewrite'],
  [{ rewrite: { authority: '%x%' }, route: route('web') }, 'lost spec.http[0].rewrite'],
  [{ timeout: '1us', route: route('web') }, 'lost spec.http[0].timeout'],
  [{ fault: { abort: {} }, route: route('web') }, 'lost spec.http[0].fault'],
  [{ route: [{ destination: { host: 'x.y' } }] }, 'lost spec.http[0].route[0].destination.host'],
  [{ route: [{ destination: { host: 'web' } }] }, 'differs spec.http[0].route[0].destination.port'],
  [{ route: route('web.other.svc') }, 'lost spec.http[0].route[0].destination.port'],
  [{}, 'lost spec.http[0]'],
  [
    { route: route('web'), retries: { attempts: 1, retryOn: '5xx' } },
    'differs spec.http[0].retries.retryOn',
  ],
  [{ route: 'web' }, 'lost spec.http[0].route'],
])('of %j the note is %s', (entry, note) => {
  expect(notesOf(virtualService([entry]))).toContain(note);
});

test('a fault becomes one of its Services only where it is of every request of the mesh', () => {
  const faultExpires = '2027-01-01T00:00:00Z';
  const fault = { abort: { httpStatus: 503, percentage: { value: 1 } } };
  const kinds = (value: object): string[] =>
    importDocuments([{ where: 'x', value }], { faultExpires }).resources.map(({ kind }) => kind);
  const mesh = { hosts: ['web'], gateways: ['mesh'] };
  const whole = [{ fault, route: route('web') }];
  expect(kinds(virtualService(whole, mesh))).toEqual(['HTTPRoute', 'FaultPolicy']);
  expect(kinds(virtualService(whole))).toEqual(['HTTPRoute']);
  const part = [{ fault, match: [{ uri: { exact: '/' } }], route: route('web') }];
  expect(kinds(virtualService(part, mesh))).toEqual(['HTTPRoute']);
  const none = [{ fault: { abort: { httpStatus: 503 } }, route: route('web') }];
  expect(kinds(virtualService(none, mesh))).toEqual(['HTTPRoute']);
});

test.each([
  [{ loadBalancer: { simple: 'PASSTHROUGH' } }, 'lost spec.trafficPolicy.loadBalancer.simple'],
  [{ tls: { mode: 'SIMPLE' } }, 'lost spec.trafficPolicy.tls.sni'],
  [{ tls: { mode: 'MUTUAL' } }, 'lost spec.trafficPolicy.tls.mode'],
  [
    { tls: { mode: 'SIMPLE', sni: 'a.b', insecureSkipVerify: true } },
    'lost spec.trafficPolicy.tls.insecureSkipVerify',
  ],
  [
    { tls: { mode: 'SIMPLE', sni: 'a.b', caCertificates: '/x.pem' } },
    'lost spec.trafficPolicy.tls.caCertificates',
  ],
  [
    { outlierDetection: { consecutive5xxErrors: 0 } },
    'lost spec.trafficPolicy.outlierDetection.consecutive5xxErrors',
  ],
  [
    { connectionPool: { tcp: { tcpKeepalive: {} } } },
    'lost spec.trafficPolicy.connectionPool.tcp.tcpKeepalive',
  ],
  [{ proxyProtocol: {} }, 'lost spec.trafficPolicy.proxyProtocol'],
])('a DestinationRule with %j has the note %s', (policy, note) => {
  expect(notesOf(destinationRule(policy))).toEqual([note]);
});

test('policies of a Service of another namespace are moved there, and that is said', () => {
  const rule = destinationRule({ loadBalancer: { simple: 'RANDOM' } }, { host: 'web.other.svc' });
  const { resources } = importDocuments([{ where: 'x', value: rule }], {});
  expect(resources).toMatchObject([
    {
      kind: 'TrafficPolicy',
      metadata: { namespace: 'other' },
      spec: { loadBalancing: { type: 'Random' } },
    },
  ]);
  expect(notesOf(rule)).toEqual(['differs spec.host']);
});

test('a rewrite replaces the prefix that matched, and the whole path where none did', () => {
  const match = [{ uri: { prefix: '/a' } }, { uri: { exact: '/b' } }, { uri: { regex: '/c+' } }];
  const http = [{ match, rewrite: { uri: '/z' }, route: route('web') }];
  const { resources } = importDocuments([{ where: 'x', value: virtualService(http) }], {});
  const filters = (path: object) => [{ type: 'URLRewrite', urlRewrite: { path } }];
  expect(resources[0]).toMatchObject({
    spec: {
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: '/a' } }],
          filters: filters({ type: 'ReplacePrefixMatch', replacePrefixMatch: '/z' }),
        },
        {
          matches: [{ path: { type: 'Exact', value: '/b' } }, { path: { value: '/c+' } }],
          filters: filters({ type: 'ReplaceFullPath', replaceFullPath: '/z' }),
        },
      ],
    },
  });
});

test('what would break a limit of the standard is noted and left out', () => {
  const headers = Object.fromEntries(
    Array.from({ length: 17 }, (_, index) => [`x-${index}`, { exact: '1' }]),
  );
  const value = virtualService([{ match: [{ headers }], route: route('web') }]);
  const { resources, notes } = importDocuments([{ where: 'x', value }], {});
  expect(resources).toEqual([]);
  expect(notes).toMatchObject([
    { level: 'lost', where: 'HTTPRoute/shop/v', path: 'spec.rules[0].matches[0].headers' },
  ]);
});

test('a CORS policy allows no more than it did', () => {
  const cors = (policy: object): unknown => {
    const value = virtualService([{ corsPolicy: policy, route: route('web') }]);
    return importDocuments([{ where: 'x', value }], {}).resources[0];
  };
  expect(cors({ allowOrigins: [{ regex: '.*' }], allowMethods: ['GET', 'PURGE'] })).toMatchObject({
    spec: { rules: [{ filters: [{ cors: { allowOrigins: [], allowMethods: ['GET'] } }] }] },
  });
  expect(cors({ allowOrigins: [{ exact: '*' }], allowMethods: ['*', 'GET'] })).toMatchObject({
    spec: { rules: [{ filters: [{ cors: { allowOrigins: ['*'], allowMethods: ['*'] } }] }] },
  });
});

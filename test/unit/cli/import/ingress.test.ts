import { expect, test } from 'vitest';
import { translated } from './deciding.ts';

const NGINX = 'nginx.ingress.kubernetes.io/';

function ingress(name: string, spec: object, annotations: object = {}, namespace = 'shop'): object {
  const metadata = { name, namespace, annotations };
  return { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata, spec };
}

function backend(name: string, port: object = { number: 80 }): object {
  return { service: { name, port } };
}

function path(value: string, name: string, pathType = 'Prefix'): object {
  return { path: value, pathType, backend: backend(name) };
}

test('hosts, paths and the default backend lead where the Ingress says', () => {
  const { decide, notes } = translated([
    ingress('web', {
      defaultBackend: backend('rest'),
      rules: [
        { host: 'a.example', http: { paths: [path('/x', 'x'), path('/x/y', 'xy', 'Exact')] } },
        { host: 'b.example', http: { paths: [path('/', 'b')] } },
        { http: { paths: [path('/any', 'any')] } },
      ],
    }),
  ]);
  expect(notes).toEqual([]);
  expect(decide('http://a.example/x/z')?.backend).toBe('shop/x:80');
  expect(decide('http://a.example/x/y')?.backend).toBe('shop/xy:80');
  expect(decide('http://a.example/xx')?.backend).toBe('shop/rest:80');
  expect(decide('http://b.example/any')?.backend).toBe('shop/b:80');
  expect(decide('http://c.example/any')?.backend).toBe('shop/any:80');
  expect(decide('http://c.example/')?.backend).toBe('shop/rest:80');
});

test('TLS is a listener at each host, in the namespace of its certificate', () => {
  const { decide, snapshot } = translated([
    ingress('one', {
      tls: [{ hosts: ['a.example'], secretName: 'a' }],
      rules: [{ host: 'a.example', http: { paths: [path('/', 'a')] } }],
    }),
    ingress(
      'two',
      {
        tls: [{ hosts: ['*.b.example'], secretName: 'b' }],
        rules: [
          { host: 'x.b.example', http: { paths: [path('/', 'b')] } },
          { host: 'a.example', http: { paths: [path('/two', 'b')] } },
        ],
      },
      {},
      'other',
    ),
  ]);
  const certificates = snapshot.listeners.flatMap(({ tls }) => tls?.certificates ?? []);
  expect(certificates.sort()).toEqual(['other/b', 'shop/a']);
  for (const scheme of ['http', 'https']) {
    expect(decide(`${scheme}://a.example/`)?.backend).toBe('shop/a:80');
    expect(decide(`${scheme}://a.example/two`)?.backend).toBe('other/b:80');
    expect(decide(`${scheme}://x.b.example/`)?.backend).toBe('other/b:80');
  }
});

test('ingress-nginx redirects to HTTPS where there is TLS, unless it is told not to', () => {
  const spec = {
    ingressClassName: 'nginx',
    tls: [{ hosts: ['a.example'], secretName: 'a' }],
    rules: [{ host: 'a.example', http: { paths: [path('/', 'a')] } }],
  };
  const standard = translated([ingress('web', spec)]);
  expect(standard.decide('https://a.example/')?.backend).toBe('shop/a:80');
  expect(standard.decide('http://a.example/')?.rule).toBe('to-https');
  const force = { [`${NGINX}ssl-redirect`]: 'false', [`${NGINX}force-ssl-redirect`]: 'true' };
  expect(translated([ingress('web', spec, force)]).decide('http://a.example/')?.rule).toBe(
    'to-https',
  );
  const both = [...spec.rules, { host: 'b.example', http: { paths: [path('/', 'a')] } }];
  const half = translated([ingress('web', { ...spec, rules: both })]);
  expect(half.decide('http://a.example/')?.rule).toBe('to-https');
  expect(half.decide('http://b.example/')?.backend).toBe('shop/a:80');
  const off = translated([ingress('web', spec, { [`${NGINX}ssl-redirect`]: 'false' })]);
  expect(off.decide('http://a.example/')?.backend).toBe('shop/a:80');
});

test('more hosts with TLS than a Gateway has listeners become several Gateways', () => {
  const hosts = Array.from({ length: 70 }, (_, index) => `h${index}.example`);
  const rules = hosts.map((host) => ({ host, http: { paths: [path('/', 'a')] } }));
  const { decide } = translated([ingress('web', { tls: [{ hosts, secretName: 'a' }], rules })]);
  for (const host of ['h0.example', 'h40.example', 'h69.example']) {
    expect(decide(`https://${host}/`)?.backend).toBe('shop/a:80');
    expect(decide(`http://${host}/`)?.backend).toBe('shop/a:80');
  }
});

test('expressions of ingress-nginx ignore case and are bound at their beginning only', () => {
  const { decide } = translated([
    ingress(
      'web',
      {
        rules: [
          { http: { paths: [path('/V[0-9]', 'v', 'ImplementationSpecific'), path('/end$', 'e')] } },
        ],
      },
      { [`${NGINX}use-regex`]: 'true' },
    ),
  ]);
  expect(decide('http://a.example/v1/more')?.backend).toBe('shop/v:80');
  expect(decide('http://a.example/end')?.backend).toBe('shop/e:80');
  expect(decide('http://a.example/end/more')).toBeUndefined();
});

test('every annotation that is not carried over is listed by its name', () => {
  const annotations = {
    'kubectl.kubernetes.io/last-applied-configuration': '{}',
    [`${NGINX}auth-url`]: 'http://x',
    [`${NGINX}invented`]: 'yes',
    'example.com/team': 'web',
  };
  const spec = { rules: [{ http: { paths: [path('/', 'a')] } }] };
  const { notes } = translated([ingress('web', spec, annotations)]);
  expect(notes.map(({ level, path: at }) => `${level} ${at}`)).toEqual([
    `lost metadata.annotations["${NGINX}auth-url"]`,
    `lost metadata.annotations["${NGINX}invented"]`,
    'lost metadata.annotations["example.com/team"]',
  ]);
});

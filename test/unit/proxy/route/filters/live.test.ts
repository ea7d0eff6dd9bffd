import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Answer, call } from '../../../../faults/support/call.ts';
import { askHttp2 } from '../../forward/http2-upstream.ts';
import { own, route, rule } from '../../support/world.ts';
import { type Edge, startEdge, startKeeper } from './edge.ts';

const rewrite = (urlRewrite: object): object => ({ type: 'URLRewrite', urlRewrite });
const prefix = (value: string): object => ({
  path: { type: 'ReplacePrefixMatch', replacePrefixMatch: value },
});
const full = (value: string): object => ({
  path: { type: 'ReplaceFullPath', replaceFullPath: value },
});
const header = (name: string, value: string, type = 'RequestHeaderModifier'): object => ({
  type,
  [type.charAt(0).toLowerCase() + type.slice(1)]: { add: [{ name, value }] },
});
const ask = (
  { port }: Edge,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Answer> => call(port, { path, method, headers: { host: 'shop.example', ...headers } });

describe('a redirect', () => {
  const redirected = (requestRedirect: object, more: object[] = []): Promise<Edge> =>
    startEdge({
      services: {},
      more,
      rules: [
        rule('/old', '', {
          filters: [{ type: 'RequestRedirect', requestRedirect }],
          backendRefs: [],
        }),
      ],
    });

  it.each([301, 302, 303, 307, 308])('%d is answered without a body', async (statusCode) => {
    const edge = await redirected({ statusCode, scheme: 'https', ...prefix('/new') });
    const { status, headers, body } = await ask(edge, '/old/x/?q=%0d%0a');
    expect([status, headers.location, body.length]).toEqual([
      ...[statusCode, 'https://shop.example/new/x/?q=%0d%0a', 0],
    ]);
    expect(edge.records).toMatchObject([{ reason: 'redirected', status: statusCode, rule: '0' }]);
  });

  it('comes after the policies of its route', async () => {
    const keys = own('AuthenticationPolicy', 'keys', {
      targetRefs: [{ kind: 'HTTPRoute', name: 'r' }],
      apiKey: {},
    });
    const edge = await redirected({ hostname: 'b.example' }, [keys]);
    const { status, headers } = await ask(edge, '/old');
    expect([status, headers.location]).toEqual([401, undefined]);
  });
});

describe('a rewrite', () => {
  it('changes what goes upstream, and not what was decided and recorded', async () => {
    const app = await startKeeper();
    const edge = await startEdge({
      services: { app: app.endpoint },
      rules: [
        rule('/prefix/one', 'app', { filters: [rewrite(prefix('/one'))] }),
        rule('/strip', 'app', { filters: [rewrite(prefix('/'))] }),
        rule('/full', 'app', { filters: [rewrite({ hostname: 'one.example', ...full('/all') })] }),
        rule('/host', 'app', {
          filters: [rewrite({ hostname: 'two.example' }), header('x-a', '1')],
        }),
        rule('/plain', 'app'),
      ],
    });
    for (const path of ['/prefix/one/two?q=1', '/strip', '/strip/a/', '/full/x?y', '/host/p']) {
      expect((await ask(edge, path)).status).toBe(200);
    }
    await ask(edge, '/plain?');
    expect(app.got.map(({ line, host }) => `${line} ${host ?? ''}`)).toEqual([
      'GET /one/two?q=1 shop.example',
      'GET / shop.example',
      'GET /a/ shop.example',
      'GET /all?y one.example',
      'GET /host/p two.example',
      'GET /plain? shop.example',
    ]);
    expect(app.got[3]?.headers['x-forwarded-host']).toBe('shop.example');
    expect(app.got[4]?.headers['x-a']).toBe('1');
    expect(edge.records[3]).toMatchObject({ request: { path: '/full/x', host: 'shop.example' } });
  });
});

describe('filters of a backend', () => {
  it('act for it alone, after those of the rule; what comes back meets the rule last', async () => {
    const [a, b] = [await startKeeper(), await startKeeper()];
    const edge = await startEdge({
      services: { a: a.endpoint, b: b.endpoint },
      rules: [
        rule('/p', '', {
          filters: [
            rewrite(prefix('/rule')),
            header('x-up', 'rule'),
            header('x-down', 'rule', 'ResponseHeaderModifier'),
          ],
          backendRefs: [
            {
              ...{ name: 'a', port: 80 },
              filters: [
                rewrite(prefix('/backend')),
                header('x-up', 'a'),
                header('x-down', 'a', 'ResponseHeaderModifier'),
              ],
            },
            { name: 'b', port: 80 },
          ],
        }),
      ],
    });
    const answers: Answer[] = [];
    while (a.got.length === 0 || b.got.length === 0) answers.push(await ask(edge, '/p/x'));
    expect(a.got[0]).toMatchObject({ line: 'GET /backend/x', headers: { 'x-up': 'rule, a' } });
    expect(b.got[0]).toMatchObject({ line: 'GET /rule/x', headers: { 'x-up': 'rule' } });
    const down = answers.map(({ headers }) => headers['x-down']);
    expect(new Set(down)).toEqual(new Set(['a, rule', 'rule']));
  });

  it('may redirect instead', async () => {
    const filters = [{ type: 'RequestRedirect', requestRedirect: { hostname: 'b.example' } }];
    const edge = await startEdge({
      services: { a: undefined },
      rules: [rule('/', '', { backendRefs: [{ name: 'a', port: 80, filters }] })],
    });
    expect((await ask(edge, '/x')).headers.location).toBe('http://b.example/x');
  });
});

describe('CORS', () => {
  const KEY = 'secret';
  const PAGE = { origin: 'https://www.foo.com' };
  const start = async (): Promise<{ edge: Edge; seen: string[] }> => {
    const app = await startKeeper((_, response) => {
      response.setHeader('access-control-allow-origin', 'https://own.example');
      response.end('ok');
    });
    const allowed = { allowOrigins: ['https://www.foo.com'], allowMethods: ['PUT'] };
    const edge = await startEdge({
      services: { app: app.endpoint, none: undefined },
      rules: [
        rule('/', 'app', { filters: [{ type: 'CORS', cors: allowed }] }),
        rule('/none', 'none', { filters: [{ type: 'CORS', cors: allowed }] }),
      ],
      more: [
        own('AuthenticationPolicy', 'keys', {
          targetRefs: [{ kind: 'HTTPRoute', name: 'r' }],
          apiKey: {},
        }),
        own('Consumer', 'acme', {
          credentials: [{ type: 'APIKey', id: 'k', sha256: hash('sha256', KEY) }],
        }),
      ],
    });
    return { edge, seen: app.seen };
  };

  it('answers a preflight before it asks for a key, and nothing else', async () => {
    const { edge, seen } = await start();
    const asked = { ...PAGE, 'access-control-request-method': 'PUT' };
    const leave = await ask(edge, '/x', asked, 'OPTIONS');
    expect([leave.status, leave.headers['content-length'], leave.body.length]).toEqual([
      ...[204, undefined, 0],
    ]);
    expect(leave.headers).toMatchObject({
      'access-control-allow-origin': 'https://www.foo.com',
      'access-control-allow-methods': 'PUT',
      'access-control-max-age': '5',
    });
    const other = await ask(edge, '/x', { ...asked, origin: 'https://b.example' }, 'OPTIONS');
    expect(other.status).toBe(204);
    expect(Object.keys(other.headers).join()).not.toContain('access-control');
    expect(edge.records).toMatchObject([{ reason: 'preflight' }, { reason: 'preflight' }]);
    // The method makes no preflight of what asks for nothing.
    expect((await ask(edge, '/x', PAGE, 'OPTIONS')).status).toBe(401);
    expect(seen).toEqual([]);
  });

  it('lets pages read the answer, the own errors included', async () => {
    const { edge } = await start();
    const shared = (answer: Answer): unknown[] => [
      answer.status,
      answer.headers['access-control-allow-origin'],
      answer.headers.vary,
    ];
    const origin = 'https://www.foo.com';
    expect(shared(await ask(edge, '/x', PAGE))).toEqual([401, origin, 'Origin']);
    const key = { 'x-api-key': KEY };
    expect(shared(await ask(edge, '/x', { ...PAGE, ...key }))).toEqual([200, origin, 'Origin']);
    expect(shared(await ask(edge, '/none', { ...PAGE, ...key }))).toEqual([503, origin, 'Origin']);
    expect(shared(await ask(edge, '/x', key))).toEqual([200, undefined, 'Origin']);
  });
});

describe('over HTTP/2', () => {
  const origin = 'https://a.example';
  const start = (): Promise<Edge> =>
    startEdge({
      services: { none: undefined },
      rules: [
        rule('/', 'none', {
          filters: [
            {
              type: 'CORS',
              cors: { allowOrigins: ['*'], allowCredentials: true, exposeHeaders: ['*'] },
            },
          ],
        }),
        rule('/old', '', {
          filters: [{ type: 'RequestRedirect', requestRedirect: { statusCode: 308 } }],
          backendRefs: [],
        }),
      ],
    });

  it('redirects and preflights are answered alike', async () => {
    const { port } = await start();
    const moved = await askHttp2(port, { path: '/old/x', headers: { ':authority': 'b.example' } });
    expect([moved.status, moved.headers['location'], moved.body.length]).toEqual([
      ...[308, 'http://b.example/old/x', 0],
    ]);
    const leave = await askHttp2(port, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'PUT' },
    });
    expect([leave.status, leave.headers['access-control-allow-origin'], leave.ended]).toEqual([
      ...[204, origin, true],
    ]);
  });

  it('a call of gRPC-Web can read why it failed', async () => {
    const edge = await start();
    const headers = { origin, 'content-type': 'application/grpc-web' };
    const told = await askHttp2(edge.port, { method: 'POST', headers, body: Buffer.of() });
    expect(told.headers).toMatchObject({
      'grpc-status': '14',
      'access-control-allow-origin': origin,
      'access-control-expose-headers': 'x-request-id, grpc-status, grpc-message',
    });
  });
});

describe('a Gateway that obeys mesh routes', () => {
  const OBEY = {
    type: 'ExtensionRef',
    extensionRef: { group: 'windrose.dev', kind: 'MeshRoutes', name: 'all' },
  };
  const start = async (): Promise<
    Record<'app' | 'v1' | 'v2', Awaited<ReturnType<typeof startKeeper>>> & { edge: Edge }
  > => {
    const [app, v1, v2] = [await startKeeper(), await startKeeper(), await startKeeper()];
    const edge = await startEdge({
      services: { app: app.endpoint, v1: v1.endpoint, v2: v2.endpoint },
      rules: [
        rule('/obeys', 'app', { filters: [rewrite(prefix('/')), header('x-edge', '1'), OBEY] }),
        rule('/plain', 'v1', { filters: [OBEY, rewrite(prefix('/'))] }),
        rule('/ignores', 'app', { filters: [rewrite(prefix('/'))] }),
      ],
      more: [
        route('mesh', {
          parentRefs: [{ kind: 'Service', group: '', name: 'app' }],
          rules: [
            rule('/one', 'v1', { filters: [rewrite(prefix('/mesh')), header('x-mesh', '1')] }),
            rule('/two', 'v2', {
              matches: [{ path: { value: '/two' }, headers: [{ name: 'x-edge', value: '1' }] }],
            }),
            rule('/moved', '', {
              filters: [{ type: 'RequestRedirect', requestRedirect: prefix('/new') }],
              backendRefs: [],
            }),
          ],
        }),
      ],
    });
    return { edge, app, v1, v2 };
  };

  it('leads on as the Service says, on the request as its own rule leaves it', async () => {
    const { edge, app, v1, v2 } = await start();
    expect((await ask(edge, '/obeys/one/x')).status).toBe(200);
    expect((await ask(edge, '/obeys/two')).status).toBe(200);
    expect((await ask(edge, '/plain/y')).status).toBe(200);
    expect((await ask(edge, '/ignores/three')).status).toBe(200);
    const moved = await ask(edge, '/obeys/moved/x');
    expect(moved.headers.location).toBe('http://shop.example/new/x');
    expect((await ask(edge, '/obeys/three')).status).toBe(404);
    expect(v1.got.map(({ line }) => line)).toEqual(['GET /mesh/x', 'GET /y']);
    expect(v1.got[0]?.headers).toMatchObject({ 'x-edge': '1', 'x-mesh': '1' });
    expect(v2.got.map(({ line }) => line)).toEqual(['GET /two']);
    expect(app.got.map(({ line }) => line)).toEqual(['GET /three']);
    expect(edge.records[0]).toMatchObject({
      ...{ route: 'shop/r', destination: 'shop/app', backend: 'shop/v1:80' },
    });
    expect(edge.records.at(-1)).toMatchObject({ reason: 'no_route' });
  });

  it('asks for what the mesh route asks for, before that answers itself', async () => {
    const v1 = await startKeeper();
    const edge = await startEdge({
      services: { app: undefined, v1: v1.endpoint },
      rules: [rule('/', 'app', { filters: [OBEY] })],
      more: [
        route('mesh', {
          parentRefs: [{ kind: 'Service', group: '', name: 'app' }],
          rules: [
            rule('/one', 'v1'),
            rule('/moved', '', {
              filters: [{ type: 'RequestRedirect', requestRedirect: prefix('/new') }],
              backendRefs: [],
            }),
          ],
        }),
        own('AuthenticationPolicy', 'keys', {
          targetRefs: [{ kind: 'HTTPRoute', name: 'mesh' }],
          apiKey: {},
        }),
      ],
    });
    for (const path of ['/one', '/moved']) {
      const { status, headers } = await ask(edge, path);
      expect([path, status, headers.location]).toEqual([path, 401, undefined]);
    }
    expect(v1.seen).toEqual([]);
  });

  it('goes into another namespace only where that lets routes refer to it', async () => {
    const [bank, seen] = [await startKeeper(), await startKeeper()];
    const granted = (name: string): object => ({
      ...{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'ReferenceGrant' },
      metadata: { name: 'g', namespace: 'bank' },
      spec: {
        from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'shop' }],
        to: [{ group: '', kind: 'Service', name }],
      },
    });
    const elsewhere = (name: string): object => ({ name, namespace: 'bank', port: 80 });
    const start = (...more: object[]): Promise<Edge> =>
      startEdge({
        services: { app: undefined, 'bank/vault': bank.endpoint, 'bank/seen': seen.endpoint },
        rules: [rule('/', 'app', { filters: [OBEY] })],
        more: [
          route('mesh', {
            parentRefs: [{ kind: 'Service', group: '', name: 'app' }],
            rules: [
              rule('/', '', {
                filters: [
                  { type: 'RequestMirror', requestMirror: { backendRef: elsewhere('seen') } },
                ],
                backendRefs: [elsewhere('vault')],
              }),
            ],
          }),
          ...more,
        ],
      });
    expect((await ask(await start(), '/x')).status).toBe(500);
    const edge = await start(granted('vault'));
    expect((await ask(edge, '/x')).status).toBe(200);
    expect(edge.records).toMatchObject([{ mirrored: 0, backend: 'bank/vault:80' }]);
    expect([bank.got.length, seen.got.length, edge.copies.lost]).toEqual([1, 0, 1]);
  });
});

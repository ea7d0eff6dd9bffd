import { describe, expect, it } from 'vitest';
import { explain } from '#proxy/pure.ts';
import { NOW_MS, World, gateway, own, route, rule, service } from '../support/world.ts';

const prefix = (value: string): object => ({
  path: { type: 'ReplacePrefixMatch', replacePrefixMatch: value },
});
const mirror = (name: string, more: object = {}): object => ({
  type: 'RequestMirror',
  requestMirror: { backendRef: { name, port: 80 }, ...more },
});
const OBEY = {
  type: 'ExtensionRef',
  extensionRef: { group: 'windrose.dev', kind: 'MeshRoutes', name: 'all' },
};

const world = new World(
  gateway('edge', [{ name: 'web', port: 7080 }]),
  ...['v1', 'v2', 'v3'].map((name) => service(name)),
  route('shop', {
    hostnames: ['shop.example'],
    rules: [
      rule('/old', '', {
        filters: [
          { type: 'RequestRedirect', requestRedirect: { scheme: 'https', ...prefix('/new') } },
        ],
        backendRefs: [],
      }),
      rule('/api', 'v1', {
        name: 'api',
        filters: [
          { type: 'CORS', cors: { allowOrigins: ['https://a.example'], allowMethods: ['PUT'] } },
          { type: 'URLRewrite', urlRewrite: { hostname: 'up.example', ...prefix('/') } },
          mirror('v2', { fraction: { numerator: 1, denominator: 3 } }),
        ],
        backendRefs: [
          { name: 'v1', port: 80, filters: [mirror('v3')] },
          {
            ...{ name: 'v2', port: 80, weight: 0 },
            filters: [{ type: 'RequestRedirect', requestRedirect: { port: 81 } }],
          },
        ],
      }),
      rule('/mesh', 'v3', {
        filters: [{ type: 'URLRewrite', urlRewrite: prefix('/') }, OBEY],
      }),
    ],
  }),
  route('inner', {
    parentRefs: [{ kind: 'Service', group: '', name: 'v3' }],
    rules: [rule('/a', 'v1', { name: 'a' }), rule('/c', 'v1', { backendRefs: [] })],
  }),
  own('AuthenticationPolicy', 'keys', {
    targetRefs: [{ kind: 'HTTPRoute', name: 'shop', sectionName: 'api' }],
    apiKey: {},
    required: false,
  }),
);
const ask = (path: string, more: object = {}) =>
  explain(
    world.snapshot,
    { method: 'GET', url: `http://shop.example:7080${path}`, ...more },
    { wallMs: NOW_MS },
  );
const stepsOf = (told: ReturnType<typeof ask>): string[] =>
  told.steps
    .filter(({ name }) => !name.includes('/') || name.startsWith('AuthenticationPolicy'))
    .map(({ phase, name, effect }) => `${phase} ${name}: ${effect}`);

describe('explain tells of filters', () => {
  it('where a redirect leads', () => {
    expect(world.findings).toEqual([]);
    const told = ask('/old/x?q=1');
    const location = 'location: https://shop.example/new/x?q=1';
    expect(stepsOf(told)).toEqual([`balance RequestRedirect: answers 302 with ${location}`]);
    expect(told.outcome).toMatchObject({ forwarded: false, status: 302, reason: 'redirected' });
  });

  it('in the order in which they act', () => {
    const told = ask('/api/x?q=1', { headers: { origin: 'https://a.example' } });
    expect(stepsOf(told)).toEqual([
      'route CORS: shares the answer with pages of https://a.example',
      expect.stringContaining('authorize AuthenticationPolicy/shop/keys'),
      'forward URLRewrite: asks the backend for path /x?q=1, host up.example',
      'forward RequestMirror: copies 1 of 3 requests to shop/v2:80',
      'forward RequestMirror: copies every request to shop/v3:80, for shop/v1:80',
      'balance RequestRedirect: answers 302 with location: ' +
        'http://shop.example:81/api/x?q=1, for shop/v2:80',
    ]);
    expect(told.outcome).toMatchObject({ forwarded: true });
  });

  it('what CORS says to whom', () => {
    const effect = (headers: object, method = 'GET'): string | undefined =>
      ask('/api', { headers, method }).steps.find(({ name }) => name === 'CORS')?.effect;
    expect(effect({})).toContain('varies by Origin');
    expect(effect({ origin: 'https://b.example' })).toContain('does not share');
    const asked = { origin: 'https://a.example', 'access-control-request-method': 'PUT' };
    expect(effect(asked, 'OPTIONS')).toContain('access-control-allow-methods: PUT');
    const { outcome } = ask('/api', { headers: asked, method: 'OPTIONS' });
    expect(outcome).toMatchObject({ forwarded: false, status: 204, reason: 'preflight' });
  });

  it('which mesh rule decides further', () => {
    expect(stepsOf(ask('/mesh/a')).at(-1)).toBe(
      'balance MeshRoutes: shop/v3:80 has rule a of shop/inner, which goes to shop/v1:80',
    );
    const told = ask('/mesh/b');
    expect(stepsOf(told).at(-1)).toBe('balance MeshRoutes: no mesh route of shop/v3:80 matches');
    expect(told.outcome).toMatchObject({ forwarded: false, status: 404, reason: 'no_route' });
    expect(ask('/mesh/c').outcome).toMatchObject({ status: 500, reason: 'invalid_backend' });
  });
});

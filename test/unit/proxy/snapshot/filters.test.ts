import { describe, expect, it } from 'vitest';
import { Plane } from '../support/plane.ts';
import { World, gateway, route, rule, service } from '../support/world.ts';

const AT = 'HTTPRoute/shop/r spec.rules[0].';
const full = (value: string): object => ({ type: 'ReplaceFullPath', replaceFullPath: value });
const prefix = (value: string): object => ({
  ...{ type: 'ReplacePrefixMatch', replacePrefixMatch: value },
});
const redirect = (more: object = {}): object => ({
  ...{ type: 'RequestRedirect', requestRedirect: more },
});
const rewrite = (path: object): object => ({ type: 'URLRewrite', urlRewrite: { path } });
const cors = (more: object = {}): object => ({ type: 'CORS', cors: more });
const mirror = (more: object = {}, name = 'app'): object => ({
  type: 'RequestMirror',
  requestMirror: { backendRef: { name, port: 80 }, ...more },
});
const extension = (kind: string, group = 'windrose.dev'): object => ({
  ...{ type: 'ExtensionRef', extensionRef: { group, kind, name: 'any' } },
});

function worldOf(more: object, ...others: object[]): World {
  const only = route('r', { rules: [rule('/a', 'app', more)] });
  return new World(gateway('edge', [{}]), service('app'), only, ...others);
}

function onBackend(...filters: object[]): object {
  return { backendRefs: [{ name: 'app', port: 80, filters }] };
}

/** What cannot run, and what is said of it; the rule answers 500. */
const BROKEN: [string, object, string[]][] = [
  ['a redirect beside backends', { filters: [redirect()] }, ['filters[0].type invalid_value']],
  [
    'a status that is no redirect',
    { filters: [redirect({ statusCode: 304 })], backendRefs: [] },
    ['filters[0].requestRedirect.statusCode invalid_value'],
  ],
  [
    'redirect and rewrite',
    { filters: [redirect(), rewrite(full('/x'))], backendRefs: [] },
    ['filters invalid_value'],
  ],
  [
    'a prefix for an exact match',
    {
      filters: [rewrite(prefix('/x'))],
      matches: [{ path: { type: 'Exact', value: '/a' } }],
    },
    ['filters[0].urlRewrite.path.type invalid_value'],
  ],
  [
    'a prefix for one of two',
    {
      filters: [redirect({ path: prefix('/x') })],
      matches: [{ path: { value: '/a' } }, { path: { value: '/b' } }],
      backendRefs: [],
    },
    ['filters[0].requestRedirect.path.type invalid_value'],
  ],
  [
    'paths that are none',
    { filters: [rewrite(full('/x?y')), cors()] },
    ['filters[0].urlRewrite.path.replaceFullPath invalid_value'],
  ],
  [
    'paths in another form',
    { filters: [rewrite(prefix('/x/../y'))] },
    ['filters[0].urlRewrite.path.replacePrefixMatch invalid_value'],
  ],
  [
    'a modifier without its value, and with another',
    { filters: [rewrite({ type: 'ReplaceFullPath' })] },
    ['filters[0].urlRewrite.path.replaceFullPath missing_field'],
  ],
  [
    'a modifier with the value of another',
    { filters: [rewrite({ ...full('/x'), replacePrefixMatch: '/y' })] },
    ['filters[0].urlRewrite.path.replacePrefixMatch invalid_value'],
  ],
  ['two of a kind', { filters: [cors(), cors()] }, ['filters[1] duplicate']],
  [
    '* beside others',
    {
      filters: [
        cors({ allowOrigins: ['*', 'https://a'], allowMethods: ['*', 'GET'], allowHeaders: ['*'] }),
      ],
    },
    ['filters[0].cors.allowMethods invalid_value', 'filters[0].cors.allowOrigins invalid_value'],
  ],
  [
    'an origin with a port that is none',
    { filters: [cors({ allowOrigins: ['https://a:99999'] })] },
    ['filters[0].cors.allowOrigins[0] invalid_value'],
  ],
  [
    'percent and fraction',
    { filters: [mirror({ percent: 1, fraction: { numerator: 1 } })] },
    ['filters[0].requestMirror.fraction invalid_value'],
  ],
  [
    'more than all',
    { filters: [mirror({ fraction: { numerator: 3, denominator: 2 } })] },
    ['filters[0].requestMirror.fraction invalid_value'],
  ],
  [
    'a kind that nobody knows',
    { filters: [extension('Lua')] },
    ['filters[0].extensionRef.kind invalid_reference'],
  ],
  [
    'a group that nobody knows',
    { filters: [extension('MeshRoutes', 'other.dev')] },
    ['filters[0].extensionRef.kind invalid_reference'],
  ],
  [
    'fields of another type',
    { filters: [{ type: 'CORS', requestRedirect: {} }] },
    ['filters[0].cors missing_field', 'filters[0].requestRedirect invalid_value'],
  ],
  [
    'a preflight for one backend',
    onBackend(cors()),
    ['backendRefs[0].filters[0].type invalid_value'],
  ],
  [
    'a filter of a backend',
    onBackend(rewrite(full('x'))),
    ['backendRefs[0].filters[0].urlRewrite.path.replaceFullPath invalid_value'],
  ],
];

describe('a filter that cannot run', () => {
  it.each(BROKEN)('%s: is told, and its requests get 500', async (_, more, findings) => {
    const world = worldOf(more);
    expect(world.findings).toEqual(findings.map((each) => AT + each));
    for (const { message, hint } of world.problems) expect(`${message}${hint ?? ''}`).not.toBe('');
    const { said } = await new Plane(world.snapshot).ask({ path: '/a' });
    expect(said).toBe('500 invalid_backend');
  });
});

describe('filters', () => {
  it('that fit are no problem', () => {
    const filters = [
      cors({ allowOrigins: ['https://*.a.example:8443'] }),
      rewrite(prefix('/')),
      mirror({ percent: 0 }),
      mirror({ fraction: { numerator: 2, denominator: 2 } }),
      extension('MeshRoutes'),
    ];
    expect(worldOf({ filters }).findings).toEqual([]);
    expect(
      worldOf({ filters: [redirect({ path: prefix('/x') })], matches: [], backendRefs: [] }),
    ).toMatchObject({ findings: [] });
    expect(worldOf(onBackend(redirect(), mirror())).findings).toEqual([]);
  });

  it('without their mirror serve on: the standard drops it', async () => {
    const world = worldOf({ filters: [mirror({}, 'nobody')] });
    expect(world.findings).toEqual([
      `${AT}filters[0].requestMirror.backendRef.name missing_reference`,
    ]);
    const plane = new Plane(world.snapshot).announce('shop/app', {
      ...{ address: '10.0.0.1', port: 1, proxy: 'p', zone: '' },
    });
    expect((await plane.ask({ path: '/a' })).said).toBe('200');
    // It is there again as soon as its Service is.
    expect(world.apply(service('nobody')).findings).toEqual([]);
  });

  it('of a mesh route act at the caller, on the host and port that it asked for', async () => {
    const parentRefs = [{ kind: 'Service', group: '', name: 'app' }];
    const moved = { filters: [redirect({ path: full('/x') })], backendRefs: [] };
    const mesh = route('r', { parentRefs, rules: [rule('/a', 'app', moved)] });
    const world = new World(service('app', [{ port: 8080 }]), mesh);
    const plane = new Plane(world.snapshot, { role: 'sidecar', service: 'shop/web' });
    const call = { direction: 'outbound', listener: 'outbound', host: 'app.shop' } as const;
    const { said, outcome } = await plane.ask({ ...call, port: 8080, path: '/a/y', query: '?q' });
    expect(said).toBe('302 redirected');
    expect(outcome).toMatchObject({
      reply: { headers: [['location', 'http://app.shop:8080/x?q']] },
    });
  });

  it('of a mesh route cannot ask for mesh routes', () => {
    const parentRefs = [{ kind: 'Service', group: '', name: 'app' }];
    const mesh = route('r', {
      parentRefs,
      rules: [rule('/', 'app', { filters: [extension('MeshRoutes')] })],
    });
    expect(new World(service('app'), mesh).findings).toEqual([
      `${AT}filters[0].extensionRef invalid_reference`,
    ]);
  });
});

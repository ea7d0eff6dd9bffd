import type { ResourceKey } from '#contracts/names.ts';
import type { StateEntry } from '#platform/state.ts';
import { type Unappliable, planOf } from '#proxy/quarantine/plan.ts';
import { describe, expect, it } from 'vitest';
import { World, gateway, grant, own, route, rule, service } from '../support/world.ts';

type Entries = ReadonlyMap<ResourceKey, StateEntry>;

const BROKEN: Unappliable = { isUsable: false };
const IMPAIRED: Unappliable = { isUsable: true };
const EDGE = gateway('edge', [{ port: 80 }]);
const APP = service('app');
const HASH = 'a'.repeat(64);

/** A world before a change, and what is to become of it. */
function change(before: object[], after: object[], deletes: string[] = []) {
  const world = new World(...before);
  const served: Entries = new Map(world.state.entries);
  const refs = deletes.map((key) => {
    const [kind = '', namespace = '', name = ''] = key.split('/');
    return { kind, namespace, name };
  });
  world.change(after, refs);
  return { served, wanted: world.state.entries };
}

function plan(
  { served, wanted }: { served: Entries; wanted: Entries },
  unappliable: Record<string, Unappliable>,
) {
  const made = planOf({
    ...{ served, wanted },
    touched: new Set([...served.keys(), ...wanted.keys()]),
    unappliable: new Map(Object.entries(unappliable) as [ResourceKey, Unappliable][]),
  });
  const effective = new Map(served);
  for (const [key, entry] of made.edits) {
    if (entry === undefined) effective.delete(key);
    else effective.set(key, entry);
  }
  /** `Kind/namespace/name@revision` of all that is served. */
  const versions = [...effective.values()].map(({ key, changedAt }) => `${key}@${changedAt}`);
  return { ...made, effective, versions: versions.sort() };
}

const toApp = (prefix: string) => route('r', { rules: [rule(prefix, 'app')] });
const auth = (spec: object) =>
  own('AuthenticationPolicy', 'p', { targetRefs: [{ kind: 'Service', name: 'app' }], ...spec });

describe('what is served instead', () => {
  it('is what was in service; all else is served as it is wanted', () => {
    const world = change([EDGE, APP, toApp('/a')], [toApp('/b'), service('other')]);
    const { versions, held } = plan(world, { 'HTTPRoute/shop/r': BROKEN });
    expect(versions).toEqual([
      ...['Gateway/shop/edge@1', 'HTTPRoute/shop/r@1', 'Service/shop/app@1'],
      'Service/shop/other@2',
    ]);
    expect([...held.keys()]).toEqual(['HTTPRoute/shop/r']);
  });

  it('is nothing where there was nothing', () => {
    const { versions } = plan(change([APP], [toApp('/a')]), { 'HTTPRoute/shop/r': BROKEN });
    expect(versions).toEqual(['Service/shop/app@1']);
  });

  it('is the wanted version itself where it can be served in part and is the first', () => {
    const { versions, held } = plan(change([], [EDGE]), { 'Gateway/shop/edge': IMPAIRED });
    expect(versions).toEqual(['Gateway/shop/edge@2']);
    expect(held.size).toBe(0);
  });

  it('is never of a resource that was deleted and made anew', () => {
    const world = new World(toApp('/a'));
    const served: Entries = new Map(world.state.entries);
    world.delete({ kind: 'HTTPRoute', namespace: 'shop', name: 'r' }).apply(toApp('/b'));
    const made = plan({ served, wanted: world.state.entries }, { 'HTTPRoute/shop/r': BROKEN });
    expect(made.versions).toEqual([]);
  });

  it('is nothing where the version in service fails too', () => {
    const world = change([toApp('/a')], [toApp('/b')]);
    const both = { isUsable: false, isPreviousToo: true };
    expect(plan(world, { 'HTTPRoute/shop/r': both }).versions).toEqual([]);
  });
});

describe('what depends on it', () => {
  const twoPorts = service('app', [{ port: 80 }, { port: 81 }]);

  it('is held too, through several steps, and says for whose sake', () => {
    const target = [{ kind: 'HTTPRoute', name: 'r' }];
    const policy = (requests: number) =>
      own('RateLimitPolicy', 'l', {
        targetRefs: target,
        limits: [{ name: 'all', requests, per: '1s' }],
      });
    const before = [EDGE, APP, toApp('/a'), policy(1)];
    const { versions, held } = plan(change(before, [twoPorts, toApp('/b'), policy(2)]), {
      'Service/shop/app': BROKEN,
    });
    expect(versions.filter((each) => each.endsWith('@2'))).toEqual([]);
    expect([...held].map(([key, { because }]) => [key, because])).toEqual([
      ['Service/shop/app', undefined],
      ['HTTPRoute/shop/r', 'Service/shop/app'],
      ['RateLimitPolicy/shop/l', 'HTTPRoute/shop/r'],
    ]);
  });

  it('stays as it is where the change does not touch it', () => {
    const { held, edits } = plan(change([EDGE, APP, toApp('/a')], [twoPorts]), {
      'Service/shop/app': BROKEN,
    });
    expect([...held.keys()]).toEqual(['Service/shop/app']);
    expect(edits.size).toBe(0);
  });

  it('is applied where its wanted version does not depend on it any more', () => {
    const away = route('r', { rules: [rule('/', 'other')] });
    const before = [EDGE, APP, service('other'), toApp('/a')];
    const { versions } = plan(change(before, [twoPorts, away]), { 'Service/shop/app': BROKEN });
    expect(versions).toContain('HTTPRoute/shop/r@2');
  });

  it('is held for a grant in another namespace', () => {
    const grants = (kind: string) =>
      grant('bank/g', { kind: 'HTTPRoute', namespace: 'shop' }, { kind });
    const abroad = route('r', {
      rules: [{ backendRefs: [{ name: 'vault', namespace: 'bank', port: 80 }] }],
    });
    const before = [EDGE, service('bank/vault'), grants('Secret'), toApp('/a')];
    const { held } = plan(change(before, [grants('Service'), abroad]), {
      'ReferenceGrant/bank/g': BROKEN,
    });
    expect(held.get('HTTPRoute/shop/r')?.because).toBe('ReferenceGrant/bank/g');
  });
});

describe('removals', () => {
  it('apply, and nothing brings back what is gone', () => {
    const world = change([EDGE, APP, toApp('/a')], [toApp('/b')], ['Service/shop/app']);
    const { versions } = plan(world, { 'HTTPRoute/shop/r': BROKEN });
    expect(versions).toEqual(['Gateway/shop/edge@1', 'HTTPRoute/shop/r@1']);
  });

  it('end the quarantine of what is deleted', () => {
    const world = change([toApp('/a')], [], ['HTTPRoute/shop/r']);
    const { versions, held } = plan(world, { 'HTTPRoute/shop/r': BROKEN });
    expect([versions, held.size]).toEqual([[], 0]);
  });

  const key = (id: string, sha256: string, more = {}) => ({ type: 'APIKey', id, sha256, ...more });
  const consumer = (...credentials: object[]) => own('Consumer', 'c', { credentials });

  it('of a key act though the Consumer cannot be applied, and so does an earlier end', () => {
    const other = 'b'.repeat(64);
    const end = '2026-01-01T00:00:00.000Z';
    const before = consumer(key('one', HASH), key('two', other));
    const world = change([before], [consumer(key('two', other, { expires: end }))]);
    const { effective } = plan(world, { 'Consumer/shop/c': BROKEN });
    expect(effective.get('Consumer/shop/c')).toMatchObject({
      changedAt: 1,
      resource: { spec: { credentials: [{ id: 'two', expires: end }] } },
    });
  });

  it('of what a ReferenceGrant lets in act, too', () => {
    const from = { kind: 'HTTPRoute', namespace: 'shop' };
    const world = change([grant('bank/g', from)], [grant('bank/g', { ...from, namespace: 'x' })]);
    const { effective } = plan(world, { 'ReferenceGrant/bank/g': BROKEN });
    expect(effective.get('ReferenceGrant/bank/g')?.resource).toMatchObject({ spec: { from: [] } });
  });
});

describe('a policy that guards', () => {
  it('and was never in service: its targets are shut', () => {
    const { shut } = plan(change([APP], [auth({ apiKey: {} })]), {
      'AuthenticationPolicy/shop/p': BROKEN,
    });
    expect([...shut]).toEqual([['Service/shop/app', ['AuthenticationPolicy/shop/p']]]);
  });

  it('and keeps a version: what only the wanted one is for is shut', () => {
    const targetRefs = ['app', 'other'].map((name) => ({ kind: 'Service', name }));
    const world = change([APP, auth({ apiKey: {} })], [auth({ targetRefs, apiKey: {} })]);
    const { shut, versions } = plan(world, { 'AuthenticationPolicy/shop/p': BROKEN });
    expect([...shut.keys()]).toEqual(['Service/shop/other']);
    expect(versions).toContain('AuthenticationPolicy/shop/p@1');
  });

  it('and is new is applied, though what it is for is held', () => {
    const world = change([APP], [service('app', [{ port: 81 }]), auth({ apiKey: {} })]);
    const { versions, shut } = plan(world, { 'Service/shop/app': BROKEN });
    expect(versions).toEqual(['AuthenticationPolicy/shop/p@2', 'Service/shop/app@1']);
    expect(shut.size).toBe(0);
  });

  it('and is loosened together with what is held stays as it was', () => {
    const target = [{ kind: 'HTTPRoute', name: 'r' }];
    const policy = (apiKey: object) => auth({ targetRefs: target, apiKey });
    const before = [EDGE, APP, toApp('/admin'), policy({})];
    const { versions } = plan(change(before, [toApp('/'), policy({ headers: ['x-key'] })]), {
      'HTTPRoute/shop/r': BROKEN,
    });
    expect(versions).toContain('AuthenticationPolicy/shop/p@1');
  });
});

describe('a policy of a kind or form that this version does not know', () => {
  const unknown = (kind: string, spec: object): Entries => {
    const key = `${kind}/shop/p` as ResourceKey;
    const resource = { ...auth({}), kind, spec } as unknown as StateEntry['resource'];
    const age = { createdAt: 2, changedAt: 2, createdTime: '', generation: 1 };
    return new Map([[key, { key, resource, ...age }]]);
  };
  const app = { kind: 'Service', name: 'app' };

  it.each([
    ['AuthorizationPolicy', { targetRefs: [app] }, ['Service/shop/app']],
    ['AuthorizationPolicy', { targetRef: { ...app, sectionName: 'http' } }, ['Service/shop/app']],
    [
      'JwtPolicy',
      { targetRefs: [{ kind: 'Gateway', name: 'edge', sectionName: 'http' }] },
      ['Gateway/shop/edge#http'],
    ],
    ['AuthenticationPolicy', { targetSelectors: [{}] }, ['all of shop']],
    ['AuthenticationPolicy', { targetRefs: [{ kind: 'Service' }] }, ['all of shop']],
    ['AuthenticationPolicy', null, ['all of shop']],
    ['TelemetryPolicy', { targetRefs: [app] }, []],
    ['UDPRoute', { parentRefs: [{ name: 'edge' }] }, []],
  ])('%s with %j shuts %j', (kind, spec, names) => {
    const wanted = unknown(kind, spec as object);
    const { shut } = plan({ served: new Map(), wanted }, { [`${kind}/shop/p`]: BROKEN });
    expect([...shut.keys()]).toEqual(names);
  });
});

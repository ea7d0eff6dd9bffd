import type { ResourceRef } from '#contracts/names.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import { createLog } from '#platform/log.ts';
import { MeshState } from '#platform/state.ts';
import { type HeldVersions, Quarantine } from '#proxy/quarantine/quarantine.ts';
import { tooNew } from '#proxy/quarantine/too-new.ts';
import { heldVersions } from '#proxy/quarantine/words.ts';
import { describe, expect, it } from 'vitest';
import { CompilingFleet } from '../support/compiling-fleet.ts';
import { gateway, own, route, rule, service } from '../support/world.ts';

const log = createLog({ service: 'test', level: 'silent' });

/** A proxy whose log is written by the test, also with what no config service would let pass. */
class Proxy {
  readonly fleet = new CompilingFleet();
  readonly told: ResourceProblem[][] = [];
  readonly quarantine: Quarantine;
  state = new MeshState();
  problems: ResourceProblem[] = [];
  epoch = 1;

  constructor(options: { tooNew?: typeof tooNew } = { tooNew }) {
    this.quarantine = new Quarantine({ fleet: this.fleet, log, ...options });
    this.quarantine.onProblems((problems) => this.told.push(problems));
  }

  async apply(upserts: object[], deletes: ResourceRef[] = [], minProxy = '0.1.0'): Promise<void> {
    const sequence = this.state.sequence + 1;
    const time = '2026-01-01T00:00:00Z';
    const change = { sequence, time, minProxy, upserts: upserts as never[], deletes };
    const changed = this.state.apply(change);
    const revision = { epoch: this.epoch, sequence };
    const { problems } = await this.quarantine.apply({ state: this.state, revision, changed });
    this.problems = problems;
  }

  /** The whole state again, as after a resync. */
  async resync(): Promise<void> {
    this.state = this.state.clone();
    const revision = { epoch: this.epoch, sequence: this.state.sequence };
    const { problems } = await this.quarantine.apply({ state: this.state, revision });
    this.problems = problems;
  }

  /** Another process on this one's disk. */
  async restart(taken: number[] = [], disk?: HeldVersions): Promise<Proxy> {
    const next = new Proxy();
    next.state = this.state.clone();
    for (const port of taken) next.fleet.taken.add(port);
    const revision = { epoch: 1, sequence: this.state.sequence };
    const held = disk ?? structuredClone(this.quarantine.heldVersions);
    next.quarantine.restore(next.state, revision, held);
    next.problems = (await next.quarantine.apply({ state: next.state, revision })).problems;
    return next;
  }

  get held(): unknown[] {
    return heldVersions(this.quarantine.held).map(({ resource, kept }) => [resource, kept]);
  }

  get said(): string[] {
    return this.problems.map(({ resource, path, message }) => `${resource} ${path}: ${message}`);
  }

  get ports(): number[] {
    return this.fleet.snapshot?.listeners.map(({ port }) => port) ?? [];
  }
}

const edge = (port: number, more: object[] = []) => gateway('edge', [{ port }, ...more]);
const APP = service('app');
const toApp = (prefix: string) => route('r', { rules: [rule(prefix, 'app')] });
const newer = (document: object) => ({
  ...document,
  spec: { ...(document as { spec: object }).spec, fancy: true },
});
const AUTH = own('AuthenticationPolicy', 'p', {
  targetRefs: [{ kind: 'Service', name: 'app' }],
  apiKey: {},
});

describe('a port in use', () => {
  it('leaves the Gateway as it was, and is asked for before anything is let go', async () => {
    const proxy = new Proxy();
    await proxy.apply([edge(80), APP, toApp('/a')]);
    proxy.fleet.taken.add(81);
    await proxy.apply([edge(81), toApp('/b')]);
    expect(proxy.held).toEqual([
      ['Gateway/shop/edge', 1],
      ['HTTPRoute/shop/r', 1],
    ]);
    expect(proxy.ports).toEqual([80]);
    expect(proxy.said).toEqual([
      'Gateway/shop/edge spec.listeners[name=http].port: port 81 is taken; ' +
        'its version of revision 1 stays in service',
      'HTTPRoute/shop/r : it depends on Gateway/shop/edge, which is held back here; ' +
        'its version of revision 1 stays in service',
    ]);
    // One commit for each revision: never the wanted state and back.
    expect([proxy.fleet.prepares, proxy.fleet.commits]).toEqual([3, 2]);
  });

  it('of a Gateway that is new does not keep its other ports shut', async () => {
    const proxy = new Proxy();
    proxy.fleet.taken.add(81);
    await proxy.apply([edge(80, [{ name: 'other', port: 81 }])]);
    expect([proxy.ports, proxy.held]).toEqual([[80, 81], []]);
    expect(proxy.said).toHaveLength(1);
    // The version in service has the same trouble: the next one is no worse.
    await proxy.apply([
      edge(80, [
        { name: 'other', port: 81 },
        { name: 'more', port: 82 },
      ]),
    ]);
    expect([proxy.ports, proxy.held]).toEqual([[80, 82, 81], []]);
  });

  it('that becomes free ends it by itself, which is told', async () => {
    const proxy = new Proxy();
    await proxy.apply([edge(80)]);
    proxy.fleet.taken.add(81);
    await proxy.apply([edge(81)]);
    proxy.fleet.free();
    await proxy.apply([APP]);
    expect(proxy.told.at(-1)).toEqual([]);
    expect([proxy.ports, proxy.held, proxy.said]).toEqual([[81], [], []]);
  });

  it('is not tried again by changes of others, but by a change of its own', async () => {
    const proxy = new Proxy();
    await proxy.apply([edge(80)]);
    proxy.fleet.taken.add(81);
    await proxy.apply([edge(81)]);
    const { prepares } = proxy.fleet;
    await proxy.apply([APP]);
    expect(proxy.fleet.prepares).toBe(prepares + 1);
    expect([...(proxy.fleet.changed ?? [])]).toEqual(['Service/shop/app']);
    await proxy.apply([edge(82)]);
    expect([proxy.ports, proxy.held]).toEqual([[82], []]);
  });
});

describe('what is too new', () => {
  it('is held by its fields, its kind or its least version, and said so', async () => {
    const proxy = new Proxy();
    await proxy.apply([edge(80), APP, toApp('/a')]);
    const kind = { ...route('x', { rules: [] }), kind: 'UDPRoute' };
    await proxy.apply([newer(toApp('/b')), kind, service('other')]);
    await proxy.apply([service('third')], [], '9.0.0');
    expect(proxy.held).toEqual([
      ['HTTPRoute/shop/r', 1],
      ['Service/shop/third', null],
      ['UDPRoute/shop/x', null],
    ]);
    expect(proxy.problems).toMatchObject([
      { resource: 'HTTPRoute/shop/r', path: 'spec.fancy', reason: 'too_new' },
      { resource: 'Service/shop/third', path: '', reason: 'too_new' },
      { resource: 'UDPRoute/shop/x', path: 'kind', reason: 'too_new' },
    ]);
    expect(proxy.fleet.snapshot?.services.has('shop/other')).toBe(true);
  });

  it('and guards shuts what it is for until it can be applied, or is deleted', async () => {
    const proxy = new Proxy();
    const unavailable = () => proxy.fleet.snapshot?.services.get('shop/app')?.security.unavailable;
    await proxy.apply([APP]);
    await proxy.apply([newer(AUTH)]);
    expect(unavailable()).toEqual(['AuthenticationPolicy/shop/p']);
    expect(proxy.said[0]).toMatch(/not in service, and 503 is the answer of Service\/shop\/app$/);
    await proxy.apply([AUTH]);
    expect(unavailable()).toEqual([]);
    expect(proxy.fleet.snapshot?.services.get('shop/app')?.security.authentication).toHaveLength(1);
    await proxy.apply([], [{ kind: 'AuthenticationPolicy', namespace: 'shop', name: 'p' }]);
    await proxy.apply([newer(AUTH)]);
    expect(unavailable()).toEqual(['AuthenticationPolicy/shop/p']);
    await proxy.apply([], [{ kind: 'AuthenticationPolicy', namespace: 'shop', name: 'p' }]);
    expect([unavailable(), proxy.said]).toEqual([[], []]);
  });
});

it('a version that does not compile is not taken over from one that does', async () => {
  const proxy = new Proxy();
  const matching = (value: string) =>
    route('r', { rules: [{ matches: [{ path: { type: 'RegularExpression', value } }] }] });
  await proxy.apply([edge(80), matching('/a+')]);
  await proxy.apply([matching('(')]);
  expect(proxy.held).toEqual([['HTTPRoute/shop/r', 1]]);
  await proxy.apply([matching('/b+')]);
  expect([proxy.held, proxy.said.filter((line) => line.includes('/r '))]).toMatchObject([[], {}]);
});

describe('a resource over which the compiler stumbles', () => {
  // Nothing has checked it before.
  const limit = (limits: unknown, name = 'l') =>
    own('RateLimitPolicy', name, { targetRefs: [{ kind: 'Service', name: 'app' }], limits });
  const ONE = [{ name: 'all', requests: 1, per: '1s' }];

  it('is held alone; without a version in service what it guards is shut', async () => {
    const proxy = new Proxy({});
    await proxy.apply([APP, limit(ONE)]);
    await proxy.apply([limit(null), limit(null, 'new'), service('other')]);
    expect(proxy.held).toEqual([
      ['RateLimitPolicy/shop/l', 1],
      ['RateLimitPolicy/shop/new', null],
    ]);
    expect(proxy.problems).toMatchObject([
      { resource: 'RateLimitPolicy/shop/l', reason: 'cannot_apply' },
      { resource: 'RateLimitPolicy/shop/new', reason: 'cannot_apply' },
    ]);
    const { services } = proxy.fleet.snapshot ?? {};
    expect(services?.get('shop/app')?.security).toMatchObject({
      limits: [{ name: 'all' }],
      unavailable: ['RateLimitPolicy/shop/new'],
    });
    expect(services?.has('shop/other')).toBe(true);
  });

  it('and whose version in service it stumbles over, too, is not served at all', async () => {
    const proxy = new Proxy({});
    await proxy.apply([APP, limit(ONE)]);
    // Behind the back of what has compiled it.
    const entry = proxy.quarantine.entries.get('RateLimitPolicy/shop/l');
    Object.assign(entry?.resource ?? {}, limit(undefined));
    await proxy.apply([limit(null), service('app', [{ port: 81 }])]);
    expect(proxy.held).toEqual([['RateLimitPolicy/shop/l', null]]);
    expect(proxy.fleet.snapshot?.services.get('shop/app')?.security).toMatchObject({
      limits: [],
      unavailable: ['RateLimitPolicy/shop/l'],
    });
  });
});

describe('what is held', () => {
  async function holding(): Promise<Proxy> {
    const proxy = new Proxy();
    await proxy.apply([edge(80), APP, toApp('/a')]);
    proxy.fleet.taken.add(81);
    await proxy.apply([edge(81), newer(AUTH)]);
    return proxy;
  }
  const HELD = [
    ['AuthenticationPolicy/shop/p', null],
    ['Gateway/shop/edge', 1],
  ];

  it('stays so when the whole state comes again', async () => {
    const proxy = await holding();
    const before = proxy.problems;
    await proxy.resync();
    expect([proxy.held, proxy.ports]).toEqual([HELD, [80]]);
    expect(proxy.problems).toEqual(before);
  });

  it('stays so in the next process, and ends there when its cause is gone', async () => {
    const proxy = await holding();
    const next = await proxy.restart([81]);
    expect([next.held, next.ports, next.problems]).toEqual([HELD, [80], proxy.problems]);
    const free = await proxy.restart();
    expect([free.held, free.ports]).toEqual([[['AuthenticationPolicy/shop/p', null]], [81]]);
    expect(free.quarantine.heldVersions).toEqual({
      kept: [],
      withheld: ['AuthenticationPolicy/shop/p'],
    });
  });

  it('is shut where the versions on disk were refused: it has none', async () => {
    const proxy = await holding();
    await proxy.apply([AUTH]);
    await proxy.apply([newer(AUTH)]);
    const unavailable = (of: Proxy) =>
      of.fleet.snapshot?.services.get('shop/app')?.security.unavailable;
    expect([proxy.ports, unavailable(await proxy.restart([81]))]).toEqual([[80], []]);
    const next = await proxy.restart([81], { kept: [], withheld: [] });
    expect(unavailable(next)).toEqual(['AuthenticationPolicy/shop/p']);
    // Port 80 was the kept version's; 81 is wanted, and told to be taken.
    expect(next.ports).toEqual([81]);
    expect(next.said).toContainEqual(expect.stringContaining('port 81 is taken'));
  });

  it('is of its epoch: another one has no previous versions', async () => {
    const proxy = await holding();
    proxy.epoch = 2;
    await proxy.resync();
    expect([proxy.held, proxy.ports]).toEqual([[['AuthenticationPolicy/shop/p', null]], [81]]);
  });
});

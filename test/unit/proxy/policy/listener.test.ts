import { readResource } from '#contracts/resources/read.ts';
import {
  LISTENER_DEFAULT,
  type ListenerSettings,
  MESH_LISTENER_DEFAULT,
} from '#proxy/listener/settings.ts';
import { gatewayPorts, sidecarPorts } from '#proxy/ports.ts';
import { describe, expect, it } from 'vitest';
import { World, gateway, own, service } from '../support/world.ts';

const EDGE = gateway('edge', [
  { name: 'a', hostname: 'a.example' },
  { name: 'b', hostname: '*.b.example' },
  { name: 'c', port: 81 },
]);

function policy(name: string, sectionName: string | undefined, spec: object): object {
  const section = sectionName === undefined ? {} : { sectionName };
  const targetRefs = [{ kind: 'Gateway', name: 'edge', ...section }];
  return own('ListenerPolicy', name, { targetRefs, ...spec });
}

function settings(world: World, listener: string): ListenerSettings {
  const spec = world.snapshot.listeners.find(({ name }) => name.endsWith(`/edge/${listener}`));
  if (spec === undefined) throw new Error(listener);
  return spec.settings;
}

const WIDE = policy('wide', undefined, {
  limits: { connections: 5, headerCount: 50, headerBytes: 131_072, streams: 7 },
  timeouts: { headerRead: '1s', keepAliveIdle: '2s', streamIdle: '3s' },
});
const NARROW = policy('narrow', 'b', {
  trustedHops: { cidrs: ['10.0.0.0/8', 'fd00::/8'], header: 'Forwarded' },
  limits: { connections: 20_000, requestLineBytes: 4_096, connectionsPerAddress: 3 },
  paths: { escapedSlash: 'Decode' },
  headers: { underscores: 'Drop' },
});

describe('ListenerPolicy', () => {
  it('without one a listener has the defaults', () => {
    expect(settings(new World(EDGE), 'a')).toBe(LISTENER_DEFAULT);
  });

  it('one for a listener replaces the one for its Gateway whole', () => {
    const world = new World(EDGE, WIDE, NARROW);
    expect(world.findings).toEqual([]);
    const { limits, rules } = LISTENER_DEFAULT;
    expect(settings(world, 'a')).toEqual({
      policy: 'ListenerPolicy/shop/wide',
      limits: {
        ...limits,
        ...{ connections: 5, streams: 7, headerReadMs: 1_000, keepAliveIdleMs: 2_000 },
        head: { ...limits.head, headBytes: 131_072, fields: 50 },
      },
      rules: { ...rules, streamIdleMs: 3_000 },
    });
    expect(settings(world, 'c')).toBe(settings(world, 'a'));
    expect(settings(world, 'b')).toMatchObject({
      policy: 'ListenerPolicy/shop/narrow',
      limits: {
        ...limits,
        ...{ connections: 20_000, connectionsPerAddress: 3 },
        head: { ...limits.head, startLineBytes: 4_096 },
      },
      rules: {
        ...{ escapedSlash: 'Decode', underscores: 'Drop', streamIdleMs: rules.streamIdleMs },
        trustedHops: { cidrs: ['10.0.0.0/8', 'fd00::/8'], header: 'Forwarded' },
      },
    });
  });

  it('of two on one target the older governs, and the other is told', () => {
    const world = new World(EDGE, WIDE);
    world.apply(policy('another', undefined, { limits: { connections: 6 } }));
    expect(world.findings).toEqual(['ListenerPolicy/shop/another spec.targetRefs[0] conflict']);
    expect(settings(world, 'a').policy).toBe('ListenerPolicy/shop/wide');
    world.delete({ kind: 'ListenerPolicy', namespace: 'shop', name: 'wide' });
    expect(world.findings).toEqual([]);
    expect(settings(world, 'a').limits.connections).toBe(6);
  });

  it('what cannot be read is a problem of the policy, and has its default', () => {
    const world = new World(
      EDGE,
      policy('bad', 'nope', {}),
      policy('worse', undefined, {
        trustedHops: { cidrs: ['10.0.0.0/33', '10.0.0.0/8', '10.0.0.1'] },
        limits: { requestLineBytes: 4_096, headerBytes: 2_048 },
        timeouts: { headerRead: '0s', streamIdle: '9000h', keepAliveIdle: '1s' },
      }),
      own('ListenerPolicy', 'lost', { targetRefs: [{ kind: 'Gateway', name: 'gone' }] }),
    );
    expect(world.findings).toEqual([
      'ListenerPolicy/shop/bad spec.targetRefs[0].sectionName missing_reference',
      'ListenerPolicy/shop/lost spec.targetRefs[0].name missing_reference',
      'ListenerPolicy/shop/worse spec.limits.requestLineBytes invalid_value',
      'ListenerPolicy/shop/worse spec.timeouts.headerRead invalid_value',
      'ListenerPolicy/shop/worse spec.timeouts.streamIdle invalid_value',
      'ListenerPolicy/shop/worse spec.trustedHops.cidrs[0] invalid_value',
      'ListenerPolicy/shop/worse spec.trustedHops.cidrs[2] invalid_value',
    ]);
    const { limits, rules } = settings(world, 'a');
    expect(limits.headerReadMs).toBe(LISTENER_DEFAULT.limits.headerReadMs);
    expect(limits.keepAliveIdleMs).toBe(1_000);
    expect(rules.streamIdleMs).toBe(LISTENER_DEFAULT.rules.streamIdleMs);
    expect(rules.trustedHops?.cidrs).toEqual(['10.0.0.0/8']);
  });

  it.each([
    [{ targetRefs: [{ kind: 'HTTPRoute', name: 'r' }] }, 'spec.targetRefs[0].kind'],
    [{ targetRefs: [] }, 'spec.targetRefs'],
    [{ trustedHops: { cidrs: [] } }, 'spec.trustedHops.cidrs'],
    [{ limits: { connections: 0 } }, 'spec.limits.connections'],
    [{ limits: { headers: 1 } }, 'spec.limits.headers'],
    [{ timeouts: { headerRead: '10' } }, 'spec.timeouts.headerRead'],
    [{ paths: { escapedSlash: 'Allow' } }, 'spec.paths.escapedSlash'],
    [{ headers: { underscores: 'KeepAll' } }, 'spec.headers.underscores'],
  ])('%j is refused', (spec, path) => {
    const read = readResource(policy('p', undefined, spec), 'test');
    expect(read.ok ? [] : read.problems.map((problem) => problem.path)).toContain(path);
  });
});

describe('a port', () => {
  const ports = (workers: number, ...policies: object[]) =>
    gatewayPorts(new World(EDGE, ...policies).snapshot.listeners, workers);

  it('has the smallest limits of its listeners, also of those without a policy', () => {
    const shared = ports(1, policy('b', 'b', { limits: { connections: 20_000, streams: 5 } }));
    expect(shared.get(':80')?.limits).toEqual({ ...LISTENER_DEFAULT.limits, streams: 5 });
    expect(shared.get(':81')?.limits).toBe(LISTENER_DEFAULT.limits);
    const all = ports(1, policy('all', undefined, { limits: { connections: 20_000 } }));
    expect(all.get(':80')?.limits.connections).toBe(20_000);
    const both = ports(1, WIDE, NARROW);
    expect(both.get(':80')?.limits).toEqual({
      ...{ connections: 5, connectionsPerAddress: 3, streams: 7 },
      head: { startLineBytes: 4_096, headBytes: 65_536, fields: 50 },
      ...{ headerReadMs: 1_000, keepAliveIdleMs: 2_000 },
    });
  });

  it('gives each worker its share of the connections', () => {
    const { connections, connectionsPerAddress } = ports(3, NARROW).get(':80')?.limits ?? {};
    expect([connections, connectionsPerAddress]).toEqual([3_334, 1]);
  });

  it('asks the Host for the rules where its listeners differ', () => {
    const port = ports(1, NARROW).get(':80');
    const slash = (host: string) => port?.rulesOf(host).escapedSlash;
    expect([slash('a.example'), slash('x.b.example'), slash('nobody.example')]).toEqual([
      ...['Reject', 'Decode', 'Reject'],
    ]);
  });
});

describe('a sidecar', () => {
  const packages = own('ListenerPolicy', 'packages', {
    targetRefs: [{ kind: 'Service', name: 'packages' }],
    limits: { connections: 30 },
    timeouts: { streamIdle: '1h' },
    paths: { escapedSlash: 'Keep' },
  });
  const world = new World(service('packages'), service('web'), packages);
  const ports = (name: string) => sidecarPorts(world.snapshot, name, 2);

  it('without a policy has the defaults of the mesh', () => {
    const { inbound, outbound } = ports('shop/web');
    expect(inbound.rulesOf('')).toBe(MESH_LISTENER_DEFAULT.rules);
    expect(inbound.limits).toMatchObject({ connections: 5_000, connectionsPerAddress: 5_000 });
    expect(outbound.rulesOf('web')).toBe(MESH_LISTENER_DEFAULT.rules);
    expect(outbound.rulesOf('elsewhere.example')).toBe(MESH_LISTENER_DEFAULT.rules);
  });

  it('has the settings of its Service at its inbound, and those of the called one outbound', () => {
    expect(world.findings).toEqual([]);
    const { limits, rules } = MESH_LISTENER_DEFAULT;
    const own = ports('shop/packages').inbound;
    expect(own.limits).toEqual({ ...limits, connections: 15, connectionsPerAddress: 5_000 });
    const kept = { ...rules, escapedSlash: 'Keep', streamIdleMs: 3_600_000 };
    expect(own.rulesOf('whatever')).toEqual(kept);
    const { outbound } = ports('shop/web');
    for (const host of ['packages', 'packages.shop', 'packages.shop.svc', 'packages']) {
      expect(outbound.rulesOf(host), host).toEqual(kept);
    }
    expect(outbound.rulesOf('packages.bank')).toBe(rules);
    expect(ports('bank/web').outbound.rulesOf('packages')).toBe(rules);
    expect(outbound.limits.connections).toBe(5_000);
    const towards = ports('shop/web').towards('shop/packages');
    expect([towards.rulesOf('web'), towards.limits]).toEqual([kept, outbound.limits]);
    expect(ports('shop/web').towards('shop/gone').rulesOf('packages')).toBe(rules);
  });

  it('takes CONNECT where the host says who is called, and nowhere else', () => {
    const { inbound, outbound, towards } = ports('shop/web');
    const all = [inbound, outbound, towards('shop/packages')];
    expect(all.map(({ isProxy }) => isProxy)).toEqual([undefined, true, undefined]);
  });

  it('believes nobody about the client', () => {
    const trusting = own('ListenerPolicy', 'hops', {
      targetRefs: [{ kind: 'Service', name: 'web' }],
      trustedHops: { cidrs: ['10.0.0.0/8'] },
    });
    const told = new World(service('web'), trusting);
    expect(told.findings).toEqual(['ListenerPolicy/shop/hops spec.trustedHops not_supported_yet']);
    const { inbound } = sidecarPorts(told.snapshot, 'shop/web', 1);
    expect(inbound.rulesOf('').trustedHops).toBeUndefined();
  });
});

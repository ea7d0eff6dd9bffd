import { expect, test } from 'vitest';
import { isDrill } from '../faults/support/call.ts';
import type { ResourceRef } from '#contracts/names.ts';
import { statusOf } from '#proxy/pure.ts';
import { dump } from '../unit/proxy/support/dump.ts';
import {
  World,
  gateway,
  calls,
  gatewayClass,
  grant,
  grpcRoute,
  listenerSet,
  namespace,
  oneOf,
  own,
  route,
  rule,
  seeded,
  service,
} from '../unit/proxy/support/world.ts';

type Random = () => number;

const SPACES = ['shop', 'bank'];
const SELECTORS = [
  { matchLabels: { team: 'a' } },
  { matchExpressions: [{ key: 'team', operator: 'NotIn', values: ['a'] }] },
  { matchLabels: { 'kubernetes.io/metadata.name': 'bank' } },
];

function someFrom(random: Random): object {
  return oneOf(random, [
    { from: 'All' },
    { from: 'Same' },
    { from: 'None' },
    { from: 'Selector', selector: oneOf(random, SELECTORS) },
    { from: 'Selector' },
  ]);
}

function someListener(random: Random, name: string): object {
  const certificateRefs = [oneOf(random, [{ name: 'web' }, { name: 'web', namespace: 'bank' }])];
  return {
    name,
    port: oneOf(random, [80, 81]),
    ...(random() < 0.5 ? { hostname: oneOf(random, ['a.test', 'b.test', '*.test']) } : {}),
    ...oneOf(random, [
      ...[{}, {}, {}, {}],
      { protocol: 'HTTPS', tls: { certificateRefs } },
      { protocol: 'TCP', hostname: undefined },
      { protocol: 'UDP' },
    ]),
    allowedRoutes: {
      ...(random() < 0.7 ? { namespaces: someFrom(random) } : {}),
      ...(random() < 0.2 ? { kinds: [{ kind: oneOf(random, ['HTTPRoute', 'TCPRoute']) }] } : {}),
    },
  };
}

function someListeners(random: Random): object[] {
  const count = 1 + Math.floor(random() * 3);
  return ['one', 'two', 'three'].slice(0, count).map((name) => someListener(random, name));
}

function someGateway(random: Random): object {
  const refs = [{ kind: 'ConfigMap', name: 'ca', namespace: oneOf(random, ['shop', 'bank']) }];
  const validation = { caCertificateRefs: refs };
  return gateway(oneOf(random, ['shop/edge', 'shop/side']), someListeners(random), {
    gatewayClassName: oneOf(random, ['windrose', 'windrose', 'special']),
    ...(random() < 0.8 ? { allowedListeners: { namespaces: someFrom(random) } } : {}),
    ...(random() < 0.2 ? { addresses: [{ value: oneOf(random, ['127.0.0.2', 'nowhere']) }] } : {}),
    ...(random() < 0.2 ? { tls: { frontend: { default: { validation } } } } : {}),
  });
}

function someSet(random: Random): object {
  const name = `${oneOf(random, SPACES)}/${oneOf(random, ['s1', 's2'])}`;
  const parentRef = { name: oneOf(random, ['edge', 'edge', 'side']), namespace: 'shop' };
  return listenerSet(name, someListeners(random), { parentRef });
}

function someRoute(random: Random): object {
  const space = oneOf(random, SPACES);
  const kind = oneOf(random, ['Gateway', 'ListenerSet']);
  const names = kind === 'Gateway' ? ['edge', 'side'] : ['s1', 's2'];
  const where = kind === 'Gateway' ? 'shop' : oneOf(random, SPACES);
  const section = random() < 0.4 ? { sectionName: oneOf(random, ['one', 'two']) } : {};
  const spec = {
    parentRefs: [{ kind, name: oneOf(random, names), namespace: where, ...section }],
    ...(random() < 0.5 ? { hostnames: [oneOf(random, ['a.test', 'x.test'])] } : {}),
  };
  const name = `${space}/${oneOf(random, ['r1', 'r2', 'r3'])}`;
  // Of the two kinds one at most has a hostname of a listener.
  return random() < 0.3
    ? grpcRoute(name, { ...spec, rules: [calls(undefined, 'app')] })
    : route(name, { ...spec, rules: [rule(oneOf(random, ['/', '/a']), 'app')] });
}

function someNamespace(random: Random): object {
  return namespace(oneOf(random, SPACES), { team: oneOf(random, ['a', 'b']) });
}

function someOther(random: Random): object {
  const target = oneOf(random, [
    { kind: 'Gateway', name: 'edge' },
    { kind: 'ListenerSet', name: 's1' },
    { kind: 'ListenerSet', name: 's1', sectionName: 'one' },
  ]);
  return oneOf(random, [
    () => gatewayClass('special', oneOf(random, ['windrose.dev/gateway', 'example.com/theirs'])),
    () => grant('bank/g', { kind: 'Gateway', namespace: 'shop' }, { kind: 'Secret' }),
    () => grant('bank/h', { kind: 'ListenerSet', namespace: 'shop' }, { kind: 'Secret' }),
    () => own('AuthenticationPolicy', 'p', { targetRefs: [target], apiKey: {} }),
    () =>
      own('ListenerPolicy', 'l', {
        targetRefs: [target],
        limits: { connections: oneOf(random, [10, 20]) },
      }),
    () => service(`${oneOf(random, SPACES)}/app`),
  ])();
}

const KINDS = [someGateway, someSet, someSet, someRoute, someRoute, someNamespace, someOther];

function someDeletes(random: Random, world: World): ResourceRef[] {
  const keys = [...world.state.entries.keys()];
  if (keys.length === 0 || random() < 0.7) return [];
  const [kind = '', space = '', name = ''] = oneOf(random, keys).split('/');
  return [space === '-' ? { kind, name } : { kind, namespace: space, name }];
}

/** A change-set names a resource once. */
function unique(documents: object[]): object[] {
  const byName = new Map(
    documents.map((document) => {
      const { kind, metadata } = document as { kind: string; metadata: object };
      return [JSON.stringify([kind, { ...metadata, labels: undefined }]), document];
    }),
  );
  return [...byName.values()];
}

function statuses(world: World, snapshot: World['snapshot']): unknown {
  return [...world.state.entries.keys()].toSorted().map((key) => [key, statusOf(snapshot, key)]);
}

/** Each of 60 edits. */
const SEEDS = isDrill ? 400 : 24;

test(
  'what Gateways, ListenerSets, Namespaces and classes mean follows each change',
  () => {
    let served = 0;
    let ofSets = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = seeded(seed);
      const world = new World();
      for (let step = 0; step < 60; step++) {
        const documents = Array.from({ length: 1 + Math.floor(random() * 3) }, () =>
          oneOf(random, KINDS)(random),
        );
        world.change(unique(documents), someDeletes(random, world));
        const full = world.full();
        const where = `seed ${seed}, step ${step}`;
        expect(world.problems, where).toEqual(full.problems);
        expect(dump(world.snapshot), where).toEqual(dump(full.snapshot));
        expect(statuses(world, world.snapshot), where).toEqual(statuses(world, full.snapshot));
        for (const { name } of world.snapshot.listeners) {
          served++;
          if (name.startsWith('ListenerSet/')) ofSets++;
        }
      }
    }
    expect(served).toBeGreaterThan(60 * SEEDS);
    expect(ofSets).toBeGreaterThan(12 * SEEDS);
  },
  5_000 * SEEDS,
);

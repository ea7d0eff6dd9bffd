import { leaf } from './certificates.ts';
import { type World, conformanceTest } from './conformance.ts';
import {
  type Listener,
  from,
  gateway,
  grant,
  http,
  httpRoute,
  https,
  listenerSet,
  namespace,
  prefix,
  rule,
  takes,
  tls,
  to,
} from './manifests.ts';
import type { ExpectedListener } from './status.ts';
import type { Case } from './world.ts';

const [V1, V2, V3] = ['infra-backend-v1', 'infra-backend-v2', 'infra-backend-v3'] as const;
const FINE = { Accepted: 'True', ResolvedRefs: 'True', Programmed: 'True' } as const;
const SET_FINE = {
  Accepted: ['True', 'Accepted'],
  Programmed: ['True', 'Programmed'],
} as const;
const NOT_ALLOWED = {
  Accepted: ['False', 'NotAllowed'],
  Programmed: ['False', 'NotAllowed'],
} as const;
const NOT_VALID = {
  Accepted: ['False', 'ListenersNotValid'],
  Programmed: ['False', 'ListenersNotValid'],
} as const;

function allowing(which: string | undefined, selector?: object): object {
  if (which === undefined) return {};
  const namespaces = { from: which, ...(selector === undefined ? {} : { selector }) };
  return { allowedListeners: { namespaces } };
}

/** A Gateway with one listener that lets ListenerSets of some namespaces in. */
function open(which: string | undefined, selector?: object): object {
  const listener = http('gateway-listener', { hostname: 'gateway-listener.com', ...from('All') });
  return gateway('parent', [listener], allowing(which, selector));
}

function listener(name: string, more: Listener = {}): Listener {
  return http(name, { hostname: `${name}.com`, ...from('All'), ...more });
}

function fine(name: string, attachedRoutes = 0): ExpectedListener {
  return { name, attachedRoutes, supportedKinds: ['HTTPRoute'], conditions: FINE };
}

/** None of the Gateway's. */
async function none(world: World): Promise<void> {
  await world.apply(inSet('inside', 'infra/set'));
  world.status.conditions('Gateway/parent', { Accepted: 'True' });
  world.status.attachedListenerSets('parent', 0);
  world.status.conditions('ListenerSet/infra/set', NOT_ALLOWED);
  await world.expect('parent', [[{ host: 'left.com', path: '/in' }, 404]]);
}

function inSet(name: string, set: string): object {
  return httpRoute(
    name,
    [{ kind: 'ListenerSet', namespace: set.split('/')[0], name: 'set' }],
    [rule(prefix('/in'), to(`infra/${V1}`))],
  );
}

conformanceTest('ListenerSetAllowedNamespaceNone', async (world) => {
  await world.apply(open('None'), listenerSet('infra/set', 'parent', [listener('left')]));
  await none(world);
});

conformanceTest('ListenerSetDefaultNotAllowed', async (world) => {
  await world.apply(open(undefined), listenerSet('infra/set', 'parent', [listener('left')]));
  await none(world);
});

conformanceTest('ListenerSetAllowedNamespaceSame', async (world) => {
  await world.apply(
    open('Same'),
    namespace('elsewhere', {}),
    listenerSet('infra/set', 'parent', [listener('taken')]),
    listenerSet('elsewhere/set', 'infra/parent', [listener('left')]),
  );
  world.status.listeners('ListenerSet/infra/set', [fine('taken')]);
  await world.apply(inSet('inside', 'infra/set'));
  world.status.conditions('ListenerSet/infra/set', SET_FINE);
  world.status.attachedListenerSets('parent', 1);
  world.status.conditions('ListenerSet/elsewhere/set', NOT_ALLOWED);
  await world.expect('parent', [
    [{ host: 'taken.com', path: '/in' }, V1],
    [{ host: 'left.com', path: '/in' }, 404],
  ]);
});

conformanceTest('ListenerSetAllowedNamespaceSelector', async (world) => {
  const source = { kind: 'HTTPRoute', namespace: 'allowed' };
  await world.apply(
    open('Selector', { matchLabels: { allowed: 'ns' } }),
    namespace('allowed', { allowed: 'ns' }),
    namespace('elsewhere', {}),
    listenerSet('allowed/set', 'infra/parent', [listener('taken')]),
    listenerSet('elsewhere/set', 'infra/parent', [listener('left')]),
    grant('infra/allow', source, { kind: 'Service' }),
    inSet('allowed/inside', 'allowed/set'),
  );
  world.status.conditions('Gateway/parent', { Accepted: 'True' });
  world.status.attachedListenerSets('parent', 1);
  world.status.conditions('ListenerSet/allowed/set', SET_FINE);
  world.status.listeners('ListenerSet/allowed/set', [fine('taken', 1)]);
  world.status.conditions('ListenerSet/elsewhere/set', NOT_ALLOWED);
  await world.expect('parent', [
    [{ host: 'taken.com', path: '/in' }, V1],
    [{ host: 'left.com', path: '/in' }, 404],
  ]);
});

conformanceTest('ListenerSetAllowedRoutesNamespaces', async (world) => {
  const names = ['in-same', 'selected/in-selected', 'other/not-in-selected'];
  const backends = [V1, V2, V3];
  const services = ['selected', 'other', 'set-ns'].map((source) =>
    grant(`infra/${source}`, { kind: 'HTTPRoute', namespace: source }, { kind: 'Service' }),
  );
  const parent = { kind: 'ListenerSet', name: 'set', namespace: 'infra' };
  const foreign = { kind: 'ListenerSet', name: 'set', namespace: 'set-ns' };
  const path = (name: string): string => `/${name.split('/').at(-1) ?? ''}`;
  await world.apply(
    ...services,
    ...[namespace('selected', { allowed: 'ns' }), namespace('other', {}), namespace('set-ns', {})],
    open('All'),
    listenerSet('infra/set', 'parent', [
      listener('all'),
      listener('same', from('Same')),
      listener('selector', from('Selector', { matchLabels: { allowed: 'ns' } })),
    ]),
    ...names.map((name, at) =>
      httpRoute(name, [parent], [rule(prefix(path(name)), to(`infra/${backends[at] ?? ''}`))]),
    ),
    listenerSet('set-ns/set', 'infra/parent', [listener('cross', from('Same'))]),
    httpRoute('set-ns/in-set', [foreign], [rule(prefix('/in-set'), to(`infra/${V1}`))]),
    httpRoute('in-gateway', [foreign], [rule(prefix('/in-gateway'), V2)]),
  );
  world.status.attachedListenerSets('parent', 2);
  world.status.accepted(parent, ...names.map((name) => `HTTPRoute/${name}`));
  world.status.listeners('ListenerSet/infra/set', [
    fine('all', 3),
    fine('same', 1),
    fine('selector', 1),
  ]);
  const takenBy = { all: [0, 1, 2], same: [0], selector: [1] };
  await world.expect(
    'parent',
    Object.entries(takenBy).flatMap(([host, taken]) =>
      names.map((name, at): Case => [
        { host: `${host}.com`, path: path(name) },
        taken.includes(at) ? (backends[at] ?? '') : 404,
      ]),
    ),
  );
  // `Same` is the namespace of the ListenerSet, not that of its Gateway.
  world.status.accepted(foreign, 'HTTPRoute/set-ns/in-set');
  world.status.refused(foreign, 'HTTPRoute/in-gateway', 'NotAllowedByListeners');
  world.status.listeners('ListenerSet/set-ns/set', [fine('cross', 1)]);
  await world.expect('parent', [
    [{ host: 'cross.com', path: '/in-set' }, V1],
    [{ host: 'cross.com', path: '/in-gateway' }, 404],
  ]);
});

conformanceTest('ListenerSetAllowedRoutesSupportedKinds', async (world) => {
  const passing = tls('tls-only', undefined, takes('HTTPRoute'));
  await world.apply(open('All'), listenerSet('infra/set', 'parent', [passing]));
  world.status.conditions('Gateway/parent', { Accepted: 'True' });
  world.status.listeners('ListenerSet/infra/set', [
    {
      ...{ name: 'tls-only', attachedRoutes: 0 },
      conditions: { ResolvedRefs: ['False', 'InvalidRouteKinds'] },
    },
  ]);
});

conformanceTest('ListenerSetDualParentRefIndependence', async (world) => {
  const set = { kind: 'ListenerSet', name: 'set' };
  const section = { name: 'parent', sectionName: 'in-set' };
  const setSection = { ...set, sectionName: 'in-set' };
  await world.apply(
    open('Same'),
    listenerSet('set', 'parent', [listener('in-set', from('Same'))]),
    httpRoute('both', [{ name: 'parent' }, set], [rule(prefix('/dualboth'), V1)]),
    httpRoute('one', [section, setSection], [rule(prefix('/dualone'), V2)]),
  );
  world.status.conditions('Gateway/parent', { Accepted: 'True' });
  world.status.attachedListenerSets('parent', 1);
  world.status.listeners('ListenerSet/set', [fine('in-set', 2)]);
  world.status.accepted('parent', 'HTTPRoute/both');
  world.status.accepted(set, 'HTTPRoute/both');
  world.status.refused(section, 'HTTPRoute/one', 'NoMatchingParent');
  world.status.accepted(setSection, 'HTTPRoute/one');
  await world.expect('parent', [
    [{ host: 'gateway-listener.com', path: '/dualboth' }, V1],
    [{ host: 'in-set.com', path: '/dualboth' }, V1],
    [{ host: 'in-set.com', path: '/dualone' }, V2],
    [{ host: 'gateway-listener.com', path: '/dualone' }, 404],
  ]);
});

conformanceTest('ListenerSetGatewayParentSectionNameNotFound', async (world) => {
  const inside = { kind: 'ListenerSet', name: 'set', sectionName: 'in-set' };
  const outside = { name: 'parent', sectionName: 'in-set' };
  await world.apply(
    open('Same'),
    listenerSet('set', 'parent', [listener('in-set', from('Same'))]),
    httpRoute('via-set', [inside], [rule(prefix('/good'), V1)]),
    httpRoute('via-gateway', [outside], [rule(prefix('/bad'), V2)]),
  );
  world.status.attachedListenerSets('parent', 1);
  world.status.accepted(inside, 'HTTPRoute/via-set');
  world.status.refused(outside, 'HTTPRoute/via-gateway', 'NoMatchingParent');
  await world.expect('parent', [
    [{ host: 'in-set.com', path: '/good' }, V1],
    [{ host: 'gateway-listener.com', path: '/bad' }, 404],
    [{ host: 'in-set.com', path: '/bad' }, 404],
  ]);
});

/** Listeners of ListenerSets against those of the Gateway and of older ListenerSets. */
async function conflicts(world: World, other: (name: string) => Listener, reason: string) {
  const [first, second] = ['conflict-with-gateway', 'conflict-with-set'];
  const lost = {
    Accepted: ['False', reason],
    Programmed: ['False', reason],
    Conflicted: ['True', reason],
  } as const;
  const conflicted = (name: string) => ({ name, attachedRoutes: 0, conditions: lost });
  await world.apply(
    gateway('parent', [listener('of-gateway'), listener(first)], allowing('Same')),
    listenerSet('set-1', 'parent', [listener('of-set-1'), other(first), listener(second)]),
    listenerSet('set-2', 'parent', [other(first)]),
    listenerSet('set-3', 'parent', [listener('of-set-3'), other(second)]),
    listenerSet('set-4', 'parent', [other(second)]),
  );
  world.status.conditions('Gateway/parent', { Accepted: 'True' });
  world.status.listeners('parent', [fine('of-gateway'), fine(first)]);
  world.status.attachedListenerSets('parent', 2);
  const partly = { Accepted: 'True', Programmed: ['True', 'Programmed'] } as const;
  world.status.conditions('ListenerSet/set-1', partly);
  world.status.listeners('ListenerSet/set-1', [fine('of-set-1'), conflicted(first), fine(second)]);
  world.status.conditions('ListenerSet/set-2', NOT_VALID);
  world.status.listeners('ListenerSet/set-2', [conflicted(first)]);
  world.status.conditions('ListenerSet/set-3', partly);
  world.status.listeners('ListenerSet/set-3', [fine('of-set-3'), conflicted(second)]);
  world.status.conditions('ListenerSet/set-4', NOT_VALID);
  world.status.listeners('ListenerSet/set-4', [conflicted(second)]);
}

conformanceTest('ListenerSetHostnameConflict', async (world) => {
  await conflicts(world, (name) => listener(name), 'HostnameConflict');
});

conformanceTest('ListenerSetProtocolConflict', async (world) => {
  const tcp = (name: string): Listener => ({ name, port: 80, protocol: 'TCP', ...from('All') });
  await conflicts(world, tcp, 'ProtocolConflict');
});

conformanceTest('ListenerSetHTTPRouting', async (world) => {
  const owners = { parent: 'gateway', 'set-1': 'one', 'set-2': 'two' };
  const listeners = (owner: string): Listener[] =>
    [1, 2].map((number) => listener(`${owner}-${number}`));
  const set = (name: string) => ({ kind: 'ListenerSet', name });
  const routes: Record<string, [parents: object[], backend: string, hosts: string[]]> = {
    everywhere: [
      [{ name: 'parent' }, set('set-1'), set('set-2')],
      V1,
      Object.values(owners).flatMap((owner) => [`${owner}-1`, `${owner}-2`]),
    ],
    gateway: [[{ name: 'parent' }], V2, ['gateway-1', 'gateway-2']],
    section: [[{ name: 'parent', sectionName: 'gateway-1' }], V3, ['gateway-1']],
    one: [[set('set-1')], V2, ['one-1', 'one-2']],
    'one-section': [[{ ...set('set-1'), sectionName: 'one-1' }], V3, ['one-1']],
    two: [[set('set-2')], V2, ['two-1', 'two-2']],
  };
  await world.apply(
    gateway('parent', listeners('gateway'), allowing('All')),
    listenerSet('set-1', 'parent', listeners('one')),
    listenerSet('set-2', 'parent', listeners('two')),
    ...Object.entries(routes).map(([name, [parents, backend]]) =>
      httpRoute(name, parents, [rule(prefix(`/${name}`), backend)]),
    ),
  );
  world.status.attachedListenerSets('parent', 2);
  for (const [name, [parents]] of Object.entries(routes)) {
    for (const parent of parents) {
      world.status.accepted(parent as { name: string }, `HTTPRoute/${name}`);
    }
  }
  world.status.listeners('ListenerSet/set-1', [fine('one-1', 3), fine('one-2', 2)]);
  world.status.listeners('ListenerSet/set-2', [fine('two-1', 2), fine('two-2', 2)]);
  const [, , hosts] = routes['everywhere'] ?? [[], '', []];
  await world.expect(
    'parent',
    Object.entries(routes).flatMap(([name, [, backend, taking]]) =>
      hosts.map((host): Case => [
        { host: `${host}.com`, path: `/${name}` },
        taking.includes(host) ? backend : 404,
      ]),
    ),
  );
});

conformanceTest('ListenerSetReferenceGrant', async (world) => {
  const secret = 'web-backend/certificate';
  world.secret(secret, leaf(['listener.com']));
  const secured = (name: string): Listener =>
    https(name, secret, { hostname: `${name}.com`, ...from('All') });
  await world.apply(
    namespace('elsewhere', {}),
    gateway('parent', [secured('of-gateway')], allowing('All')),
    grant('web-backend/gateways', { kind: 'Gateway', namespace: 'infra' }, { kind: 'Secret' }),
    listenerSet('infra/with', 'parent', [secured('with-grant')]),
    grant('web-backend/sets', { kind: 'ListenerSet', namespace: 'infra' }, { kind: 'Secret' }),
    // The grant for its Gateway is none for itself.
    listenerSet('elsewhere/without', 'infra/parent', [secured('without-grant')]),
  );
  world.status.conditions('Gateway/parent', { Accepted: 'True' });
  world.status.conditions('ListenerSet/infra/with', { Accepted: 'True', Programmed: 'True' });
  world.status.listeners('ListenerSet/infra/with', [fine('with-grant')]);
  world.status.conditions('ListenerSet/elsewhere/without', NOT_VALID);
  world.status.listeners('ListenerSet/elsewhere/without', [
    {
      ...{ name: 'without-grant', attachedRoutes: 0 },
      conditions: { ResolvedRefs: ['False', 'RefNotPermitted'] },
    },
  ]);
});

conformanceTest('ListenerSetRouteStatusScopedToParentRef', async (world) => {
  const set = { kind: 'ListenerSet', name: 'set' };
  await world.apply(
    open('Same'),
    listenerSet('set', 'parent', [listener('in-set', from('Same'))]),
    httpRoute('of-gateway', [{ name: 'parent' }], [rule(prefix('/gwonly'), V1)]),
    httpRoute('of-set', [set], [rule(prefix('/lsonly'), V2)]),
  );
  world.status.attachedListenerSets('parent', 1);
  world.status.listeners('ListenerSet/set', [fine('in-set', 1)]);
  world.status.listeners('parent', [fine('gateway-listener', 1)]);
  world.status.accepted('parent', 'HTTPRoute/of-gateway');
  world.status.onlyParent(set, 'HTTPRoute/of-set');
  world.status.onlyParent('parent', 'HTTPRoute/of-gateway');
  await world.expect('parent', [
    [{ host: 'gateway-listener.com', path: '/gwonly' }, V1],
    [{ host: 'in-set.com', path: '/gwonly' }, 404],
    [{ host: 'in-set.com', path: '/lsonly' }, V2],
    [{ host: 'gateway-listener.com', path: '/lsonly' }, 404],
  ]);
});

import { expect, test } from 'vitest';
import type { GatewayStatus, ListenerSetStatus, RouteStatus } from '#contracts/resources/index.ts';
import { World, gateway, grant, listenerSet, route, rule, service } from '../../support/world.ts';
import { CONFLICT, FINE, said, statusIn } from './support.ts';

const APP = service('app');
const LETS_SETS = { allowedListeners: { namespaces: { from: 'All' } } };

test('a ListenerSet keeps behind its Gateway and older sets, and says so', () => {
  const world = new World(gateway('edge', [{ hostname: 'a.test' }], LETS_SETS));
  world.apply(listenerSet('one', [{ name: 'b', hostname: 'b.test' }, { hostname: 'a.test' }]));
  world.apply(listenerSet('two', [{ name: 'b', hostname: 'b.test' }, { hostname: 'c.test' }]));
  world.apply(listenerSet('none', [{ name: 'b', hostname: 'b.test' }]));
  const of = (name: string) => statusIn<ListenerSetStatus>(world, `ListenerSet/shop/${name}`);
  const listeners = (name: string) => of(name).listeners.map((each) => said(each.conditions));
  expect(listeners('one')).toEqual([FINE, CONFLICT('HostnameConflict')]);
  expect(listeners('two')).toEqual([CONFLICT('HostnameConflict'), FINE]);
  expect(said(of('one').conditions)).toEqual([
    'Accepted=True ListenersNotValid',
    'Programmed=True Programmed',
  ]);
  expect(said(of('none').conditions)).toEqual([
    'Accepted=False ListenersNotValid',
    'Programmed=False ListenersNotValid',
  ]);
  const status = statusIn<GatewayStatus>(world, 'Gateway/shop/edge');
  expect(status.attachedListenerSets).toBe(2);
  expect(status.listeners).toHaveLength(1);
});

test('what stands back behind the Gateway takes no port from the listeners beside it', () => {
  const world = new World(
    gateway('edge', [{ hostname: 'a.test' }], LETS_SETS),
    listenerSet('set', [
      { name: 'one', hostname: 'b.test' },
      { name: 'tcp', protocol: 'TCP' },
      { name: 'two', hostname: 'c.test' },
      { name: 'three', hostname: 'c.test' },
    ]),
  );
  const { listeners } = statusIn<ListenerSetStatus>(world, 'ListenerSet/shop/set');
  expect(listeners.map(({ conditions }) => said(conditions))).toEqual([
    FINE,
    CONFLICT('ProtocolConflict'),
    CONFLICT('HostnameConflict'),
    CONFLICT('HostnameConflict'),
  ]);
});

test('a ListenerSet that its Gateway does not let join is not allowed, nor are its routes', () => {
  const world = new World(
    APP,
    gateway('edge', [{}]),
    listenerSet('set', [{ port: 81 }]),
    route('r', {
      parentRefs: [{ kind: 'ListenerSet', name: 'set' }],
      rules: [rule('/', 'app')],
    }),
  );
  expect(said(statusIn<ListenerSetStatus>(world, 'ListenerSet/shop/set').conditions)).toEqual([
    'Accepted=False NotAllowed',
    'Programmed=False NotAllowed',
  ]);
  expect(statusIn<GatewayStatus>(world, 'Gateway/shop/edge').attachedListenerSets).toBe(0);
  const { parents } = statusIn<RouteStatus>(world, 'HTTPRoute/shop/r');
  expect(said(parents[0]?.conditions ?? [])[0]).toBe('Accepted=False NotAllowedByListeners');
});

test('a ListenerSet of which no listener has its certificate is not accepted', () => {
  const tls = { certificateRefs: [{ namespace: 'bank', name: 'web' }] };
  const secure = { name: 'https', port: 443, protocol: 'HTTPS', tls };
  const world = new World(gateway('edge', [{}], LETS_SETS), listenerSet('set', [secure]));
  const of = () => statusIn<ListenerSetStatus>(world, 'ListenerSet/shop/set');
  const [listener] = of().listeners;
  expect(said(listener?.conditions)).toContain('ResolvedRefs=False RefNotPermitted');
  expect(said(of().conditions)).toEqual([
    'Accepted=False ListenersNotValid',
    'Programmed=False ListenersNotValid',
  ]);
  world.apply(grant('bank/g', { kind: 'ListenerSet', namespace: 'shop' }, { kind: 'Secret' }));
  expect(said(of().conditions)).toEqual(['Accepted=True Accepted', 'Programmed=True Programmed']);
});

test('the listeners of a ListenerSet whose Gateway is not served are not either', () => {
  const addresses = [{ type: 'Hostname', value: 'edge.example' }];
  const world = new World(
    gateway('edge', [{}], { ...LETS_SETS, addresses }),
    listenerSet('set', [{ port: 81 }]),
  );
  const { conditions } = statusIn<ListenerSetStatus>(world, 'ListenerSet/shop/set');
  expect(said(conditions)).toEqual([
    'Accepted=False ParentNotAccepted',
    'Programmed=False ParentNotProgrammed',
  ]);
  expect(world.snapshot.listeners).toEqual([]);
});

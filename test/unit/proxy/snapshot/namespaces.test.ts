import { expect, test } from 'vitest';
import type { LabelSelector } from '#contracts/resources/index.ts';
import { selects } from '#proxy/snapshot/namespaces.ts';
import {
  World,
  calls,
  gateway,
  grpcRoute,
  namespace,
  route,
  rule,
  service,
} from '../support/world.ts';

const LABELS = { team: 'a', stage: 'live', toString: 'own' };
const expression = (
  key: string,
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist',
  ...values: string[]
) => ({
  matchExpressions: [{ key, operator, ...(values.length === 0 ? {} : { values }) }],
});

test.each<[LabelSelector, boolean]>([
  [{}, true],
  [{ matchLabels: {} }, true],
  [{ matchLabels: { team: 'a' } }, true],
  [{ matchLabels: { team: 'a', stage: 'test' } }, false],
  [{ matchLabels: { constructor: 'a' } }, false],
  [expression('team', 'In', 'b', 'a'), true],
  [expression('team', 'In', 'b'), false],
  [expression('gone', 'In', 'a'), false],
  [expression('team', 'NotIn', 'a'), false],
  [expression('team', 'NotIn', 'b'), true],
  [expression('gone', 'NotIn', 'a'), true],
  [expression('team', 'NotIn'), false],
  [expression('team', 'Exists'), true],
  [expression('valueOf', 'Exists'), false],
  [expression('gone', 'DoesNotExist'), true],
  [expression('team', 'DoesNotExist'), false],
  [{ matchLabels: { team: 'a' }, ...expression('stage', 'In', 'test') }, false],
])('the selector %j selects: %s', (selector, expected) => {
  expect(selects(selector, LABELS)).toBe(expected);
});

test('a listener takes routes of the namespaces that it selects, as their labels change', () => {
  const selector = { matchLabels: { team: 'a' } };
  const allowedRoutes = { namespaces: { from: 'Selector', selector } };
  const world = new World(
    gateway('edge', [{ allowedRoutes }]),
    service('bank/app'),
    route('bank/r', {
      parentRefs: [{ name: 'edge', namespace: 'shop' }],
      rules: [rule('/', 'app')],
    }),
  );
  const refused = ['HTTPRoute/bank/r spec.parentRefs[0] invalid_reference'];
  expect(world.findings).toEqual(refused);
  world.apply(namespace('bank', { team: 'a' }));
  expect(world.findings).toEqual([]);
  world.apply(namespace('bank', { team: 'b' }));
  expect(world.findings).toEqual(refused);
});

test('the name of a namespace is one of its labels, whether it is declared or not', () => {
  const selector = { matchLabels: { 'kubernetes.io/metadata.name': 'bank' } };
  const allowedRoutes = { namespaces: { from: 'Selector', selector } };
  const parentRefs = [{ name: 'edge', namespace: 'shop' }];
  const world = new World(
    gateway('edge', [{ allowedRoutes }]),
    ...[service('bank/app'), service('shop/app')],
    route('bank/r', { parentRefs, rules: [rule('/', 'app')] }),
    route('shop/r', { parentRefs, rules: [rule('/', 'app')] }),
  );
  const refused = ['HTTPRoute/shop/r spec.parentRefs[0] invalid_reference'];
  expect(world.findings).toEqual(refused);
  world.apply(namespace('shop', { 'kubernetes.io/metadata.name': 'bank' }));
  expect(world.findings).toEqual(refused);
});

test('a selector that cannot select is named', () => {
  const wrong = { matchExpressions: [{ key: 'a', operator: 'In' }] };
  const world = new World(
    gateway('edge', [
      { allowedRoutes: { namespaces: { from: 'Selector' } } },
      {
        ...{ name: 'two', port: 81 },
        allowedRoutes: { namespaces: { from: 'Selector', selector: wrong } },
      },
    ]),
  );
  expect(world.findings).toEqual([
    'Gateway/shop/edge spec.listeners[0].allowedRoutes.namespaces.selector missing_field',
    'Gateway/shop/edge spec.listeners[1].allowedRoutes.namespaces.selector.matchExpressions[0]' +
      '.values missing_field',
  ]);
});

test('a hostname that an older route loses by a label goes to the route that waits', () => {
  const selector = { matchLabels: { team: 'a' } };
  const allowedRoutes = { namespaces: { from: 'Selector', selector } };
  const spec = { parentRefs: [{ name: 'edge', namespace: 'shop' }], hostnames: ['a.test'] };
  const world = new World(
    ...[namespace('bank', { team: 'a' }), namespace('shop', { team: 'a' })],
    gateway('edge', [{ allowedRoutes }]),
    ...[service('bank/app'), service('shop/app')],
    route('bank/r', { ...spec, rules: [rule('/', 'app')] }),
  );
  world.apply(grpcRoute('shop/g', { ...spec, rules: [calls(undefined, 'app')] }));
  expect(world.findings).toEqual(['GRPCRoute/shop/g spec.parentRefs[0] conflict']);
  world.apply(namespace('bank', { team: 'b' }));
  expect(world.findings).toEqual(['HTTPRoute/bank/r spec.parentRefs[0] invalid_reference']);
  expect(world.problems).toEqual(world.full().problems);
});

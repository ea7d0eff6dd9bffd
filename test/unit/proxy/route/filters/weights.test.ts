import { expect, it } from 'vitest';
import { Plane } from '../../support/plane.ts';
import { World, announced, gateway, route, rule, service } from '../../support/world.ts';

/** What becomes of 100 requests when the draws cover the whole range evenly. */
async function outcomes(backendRefs: object[] | undefined): Promise<Record<string, number>> {
  const world = new World(
    ...[gateway('edge', [{}]), service('app'), service('idle')],
    route('r', { rules: [rule('/', 'app', { backendRefs })] }),
  );
  let at = 0;
  const plane = new Plane(world.snapshot, {}, { random: () => (at++ % 100) / 100 });
  plane.announce('shop/app', announced('10.0.0.1'));
  const counts: Record<string, number> = {};
  for (let draw = 0; draw < 100; draw++) {
    // Each request begins with a draw of its own, whatever the one before drew behind it.
    at = draw;
    const { said } = await plane.ask();
    counts[said] = (counts[said] ?? 0) + 1;
  }
  return counts;
}

const ref = (name: string, weight?: number, more: object = {}): object => ({
  ...{ name, port: 80, ...(weight === undefined ? {} : { weight }) },
  ...more,
});
const BROKEN = {
  filters: [{ type: 'ExtensionRef', extensionRef: { group: 'x', kind: 'Y', name: 'z' } }],
};

it.each<[string, object[] | undefined, Record<string, number>]>([
  ['one', [ref('app')], { 200: 100 }],
  ['a missing one', [ref('app', 70), ref('gone', 30)], { 200: 70, '500 invalid_backend': 30 }],
  [
    'one of another kind',
    [ref('app'), ref('app', 1, { kind: 'Bucket', group: 'x.example' })],
    { 200: 50, '500 invalid_backend': 50 },
  ],
  [
    'one with a broken filter',
    [ref('app', 9), ref('app', 1, BROKEN)],
    { 200: 90, '500 invalid_backend': 10 },
  ],
  ['one without endpoints', [ref('app', 3), ref('idle', 1)], { 200: 75, '503 no_endpoint': 25 }],
  ['one of weight 0', [ref('app', 1), ref('gone', 0)], { 200: 100 }],
  ['nothing but weight 0', [ref('app', 0)], { '500 invalid_backend': 100 }],
  ['none', [], { '500 invalid_backend': 100 }],
  ['none, left out', undefined, { '500 invalid_backend': 100 }],
])('backends get exactly their share, with %s among them', async (_, backendRefs, wanted) => {
  expect(await outcomes(backendRefs)).toEqual(wanted);
});

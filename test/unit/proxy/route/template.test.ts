import { expect, test } from 'vitest';
import { describeMatch } from '#proxy/route/match.ts';
import { templateOf } from '#proxy/route/template.ts';
import { World, gateway, route, service } from '../support/world.ts';

test.each([
  ['/pets/(?P<id>[^/]+)', '/pets/{id}'],
  ['/pets/(?<id>[^/]+)/toys/(?P<toy_2>[^/]+)', '/pets/{id}/toys/{toy_2}'],
  [String.raw`/report\.(?P<ext>[^/]+)`, '/report.{ext}'],
  [String.raw`/a\{b\}/(?P<c>[^/]+)`, '/a{b}/{c}'],
])('the expression %s spells the template %s', (expression, template) => {
  expect(templateOf(expression)).toBe(template);
});

test.each([
  '/pets/[0-9]+',
  String.raw`/plain\.txt`,
  '/(?P<id>[0-9]+)',
  '/(?P<id>[^/]+)/.*',
  '/(?P<id>[^/]+)?',
  '(?i)/(?P<id>[^/]+)',
  String.raw`/\d/(?P<id>[^/]+)`,
  '/a|/(?P<id>[^/]+)',
  '^/(?P<id>[^/]+)',
  '/(?P<id>[^/]+',
])('the expression %s is no template', (expression) => {
  expect(templateOf(expression)).toBeUndefined();
});

test('records show the template, explain the expression', () => {
  const expressions = ['/pets/(?P<id>[^/]+)', '/pets/[0-9]+'];
  const matches = expressions.map((value) => ({ path: { type: 'RegularExpression', value } }));
  const rules = [{ matches, backendRefs: [{ name: 'pets', port: 80 }] }];
  const world = new World(gateway('edge', [{}]), service('pets'), route('pets', { rules }));
  expect(world.problems).toEqual([]);
  const table = world.snapshot.edge.get('Gateway/shop/edge/http')?.hosts.table('*');
  const compiled = [...(table?.matches() ?? [])];
  expect(compiled.map(({ template }) => template)).toEqual(['/pets/{id}', '/pets/[0-9]+']);
  expect(compiled.map((match) => describeMatch(match))).toEqual([
    'RegularExpression /pets/(?P<id>[^/]+)',
    'RegularExpression /pets/[0-9]+',
  ]);
});

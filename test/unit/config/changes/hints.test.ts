import type { ResourceProblem } from '#contracts/problems.ts';
import { readResource } from '#contracts/resources/read.ts';
import { expect, test } from 'vitest';
import { withHints } from '../../../../services/config/changes/hints.ts';
import { World, gateway, namespace, own, route, rule, service } from '../../proxy/support/world.ts';

/** `path: hint` of what a compile finds missing. */
function hints(...documents: object[]): string[] {
  const { state, problems } = new World(
    ...[namespace('shop'), service('reviews'), service('bank/vault'), gateway('edge', [{}])],
    ...documents,
  );
  return withHints(problems, state).map(({ path, hint = '' }) => `${path}: ${hint}`);
}

test('a reference that leads nowhere comes with the name that was meant', () => {
  expect(hints(route('r', { rules: [rule('/', 'reveiws')] }))).toEqual([
    'spec.rules[0].backendRefs[0].name: did you mean reviews?',
  ]);
  expect(
    hints(route('r', { parentRefs: [{ name: 'egde' }], rules: [rule('/', 'reviews')] })),
  ).toEqual(['spec.parentRefs[0].name: did you mean edge?']);
  const mesh = [{ group: '', kind: 'Service', name: 'review' }];
  expect(hints(route('r', { parentRefs: mesh, rules: [rule('/', 'reviews')] }))).toEqual([
    'spec.parentRefs[0].name: did you mean reviews?',
  ]);
  const policy = { targetRefs: [{ kind: 'Service', name: 'rewiews' }] };
  expect(hints(own('TrafficPolicy', 'p', policy))).toEqual([
    'spec.targetRefs[0].name: did you mean reviews?',
  ]);
});

test('there is none of another namespace, kind, or without likeness', () => {
  for (const name of ['vault', 'edge', 'something-else']) {
    expect(hints(route('r', { rules: [rule('/', name)] }))).toEqual([
      'spec.rules[0].backendRefs[0].name: ',
    ]);
  }
});

test('what a problem names need not be there', () => {
  const problem: ResourceProblem = {
    ...{ resource: 'x', path: '', reason: 'missing_reference', message: 'm' },
  };
  expect(withHints([problem], new World().state)).toEqual([problem]);
});

test.each([
  [{ ...service('a'), spec: { prots: [] } }, 'spec.prots', 'did you mean ports?'],
  [
    route('r', { rules: [{ backendRefs: [{ nam: 'a', name: 'b', port: 1 }] }] }),
    'spec.rules[0].backendRefs[0].nam',
    'did you mean name?',
  ],
  [{ ...service('a'), zzzzzzzzzzzz: 1 }, 'zzzzzzzzzzzz', undefined],
  [{ ...service('a'), ['x'.repeat(1e6)]: 1 }, 'x'.repeat(1e6), undefined],
  [service('A'), 'metadata.name', 'write lower-case letters, digits and dashes, a letter or'],
  [{ ...service('a'), kind: 'Servise' }, 'kind', 'did you mean Service?'],
])('%#: a slip of the pen', (document, path, hint) => {
  const read = readResource(document, 'test');
  const problem = read.ok ? undefined : read.problems.find((each) => each.path === path);
  if (hint === undefined) expect(problem?.hint).toBeUndefined();
  else expect(problem?.hint).toContain(hint);
  expect(problem).toBeDefined();
});

import { readFileSync } from 'node:fs';
import { sources } from '#test/sources.ts';
import { SUPPORTED_FEATURES } from '#proxy/snapshot/conditions/features.ts';
import { expect, test } from 'vitest';
import { FEATURES, render, resultsOf } from './features.ts';
import { README, featuresIn } from './readme.ts';
import { SUITE } from './suite.ts';

const FOLDER = 'test/conformance/gateway-api/';

const registered = sources(['.test.ts'])
  .filter(({ path }) => path.startsWith(FOLDER))
  .flatMap(({ text }) => [...text.matchAll(/^conformanceTest\(\s*'(\w+)'/gm)])
  .map((match) => match[1] ?? '');

test('every test of the suite has one of ours or a reason, and there are no others', () => {
  const expected = SUITE.filter(({ reason }) => reason === undefined).map(({ name }) => name);
  expect(registered.toSorted()).toEqual(expected.toSorted());
});

test('the suite is named as it is', () => {
  const names = SUITE.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  const known = new Set(FEATURES.map(({ name }) => name));
  const unknown = SUITE.flatMap(({ features }) => features).filter((name) => !known.has(name));
  expect(unknown).toEqual([]);
});

// A test that fails is red by itself; the table is what it has to be when none does.
test('the README has what `node test/conformance/gateway-api/readme.ts` writes', () => {
  expect(featuresIn(readFileSync(README, 'utf8'))).toBe(render(new Set(registered)));
});

test('a GatewayClass names the features that the table has', () => {
  const supported = resultsOf(new Set(registered)).filter(({ verdict }) => verdict === 'yes');
  expect(SUPPORTED_FEATURES).toEqual(supported.map(({ name }) => name).toSorted());
});

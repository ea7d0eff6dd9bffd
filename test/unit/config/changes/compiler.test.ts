import { readResource } from '#contracts/resources/read.ts';
import type { Resource } from '#contracts/resources/index.ts';
import { MeshState } from '#platform/state.ts';
import { expect, test } from 'vitest';
import { candidateOf } from '../../../../services/config/changes/candidate.ts';
import { Compiler } from '../../../../services/config/changes/compiler.ts';
import { referencesOf, touchOf } from '../../../../services/config/changes/references.ts';
import { gateway, grant, route, rule, service } from '../../proxy/support/world.ts';

function read(document: object): Resource {
  const result = readResource(document, 'test');
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.resource;
}

const VAULT = { name: 'vault', namespace: 'bank', port: 80 };
const toBank = read(route('r', { rules: [rule('/', 'app', { backendRefs: [VAULT] })] }));
const GRANT = { kind: 'ReferenceGrant', namespace: 'bank', name: 'g' };

function head(): MeshState {
  const state = new MeshState();
  const granted = grant('bank/g', { kind: 'HTTPRoute', namespace: 'shop' });
  const upserts = [gateway('edge', [{}]), service('bank/vault'), granted].map(read);
  state.apply({ sequence: 1, time: '', upserts: [...upserts, toBank], deletes: [] });
  return state;
}

test('a grant can be taken back though a route is cut off by it, which is said', () => {
  const state = head();
  const compiler = new Compiler(
    state,
    () => 1,
    () => 0,
  );
  const { state: next, changed } = candidateOf(state, { upserts: [], deletes: [GRANT] }, 2, '');
  const { refusing, revoked } = compiler.newProblems(next, changed);
  expect(refusing).toEqual([]);
  expect(revoked.map(({ resource, path }) => `${resource} ${path}`)).toEqual([
    'HTTPRoute/shop/r spec.rules[0].backendRefs[0].namespace',
  ]);
});

test('what else such a change-set breaks refuses it, as does a route that comes with it', () => {
  const state = head();
  const compiler = new Compiler(
    state,
    () => 1,
    () => 0,
  );
  const gone = [GRANT, { kind: 'Gateway', namespace: 'shop', name: 'edge' }];
  const one = candidateOf(state, { upserts: [], deletes: gone }, 2, '');
  const { refusing, revoked } = compiler.newProblems(one.state, one.changed);
  expect(refusing.map(({ path }) => path)).toEqual(['spec.parentRefs[0].name']);
  expect(revoked.map(({ path }) => path)).toEqual(['spec.rules[0].backendRefs[0].namespace']);
  const newer = read(route('r', { rules: [rule('/a', 'app', { backendRefs: [VAULT] })] }));
  const two = candidateOf(state, { upserts: [newer], deletes: [GRANT] }, 2, '');
  const problems = compiler.newProblems(two.state, two.changed);
  expect(problems.refusing).toHaveLength(1);
  expect(problems.revoked).toEqual([]);
});

test('who refers into a namespace and who changes its grants are in each other’s way', () => {
  const [granted] = [read(grant('bank/g', { kind: 'HTTPRoute', namespace: 'shop' }))];
  expect(referencesOf(toBank)).toContain(touchOf('ReferenceGrant/bank/g'));
  expect(referencesOf(granted)).toEqual([]);
  expect(touchOf('Service/bank/g')).toBe('Service/bank/g');
});

test('what a change-set writes without effect is noted and refuses nothing', () => {
  const state = new MeshState();
  const spec = { infrastructure: { labels: { a: 'b' } } };
  state.apply({ sequence: 1, time: '', upserts: [read(gateway('old', [{}], spec))], deletes: [] });
  const compiler = new Compiler(
    state,
    () => 1,
    () => 0,
  );
  const upserts = [read(gateway('new', [{ port: 81 }], spec))];
  const { state: next, changed } = candidateOf(state, { upserts, deletes: [] }, 2, '');
  const { refusing, notes } = compiler.newProblems(next, changed);
  expect(refusing).toEqual([]);
  expect(notes).toEqual([
    'Gateway/shop/new spec.infrastructure: a proxy makes no other objects that could carry ' +
      'labels and annotations',
  ]);
});

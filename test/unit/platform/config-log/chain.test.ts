import { EVENT_SCHEMA } from '#contracts/events.ts';
import type { ResourceKey } from '#contracts/names.ts';
import type { Resource } from '#contracts/resources/index.ts';
import { EventChain } from '#platform/config-log/chain.ts';
import { encodeJson } from '#platform/nats.ts';
import { MeshState } from '#platform/state.ts';
import { beforeEach, expect, test } from 'vitest';

const namespace = (name: string): Resource => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name },
});

let author: MeshState;
let chain: EventChain;

beforeEach(() => {
  author = new MeshState();
  chain = new EventChain('m');
});

/** An event that continues from what the author wrote last. */
function event(sequence: number, upserts: Resource[]): Record<string, unknown> {
  const time = '2026-01-01T00:00:00Z';
  const previousDigest = author.digest;
  author.apply({ sequence, time, upserts, deletes: [] });
  return {
    ...{ schema: EVENT_SCHEMA, minProxy: '0.1.0', mesh: 'm', epoch: 1, id: `id-${sequence}` },
    ...{ author: 'ann', message: '', time, upserts, deletes: [] },
    ...{ previousDigest, digest: author.digest },
  };
}

test.each([
  ['text', 'not JSON'],
  ['a list', []],
  ['no schema', { mesh: 'm' }],
  ['another mesh', { schema: 1, mesh: 'another' }],
  ['another epoch', { schema: 1, mesh: 'm', epoch: 2 }],
  ['no lists', { schema: 1, mesh: 'm', epoch: 1, previousDigest: 'x', digest: 'y' }],
])('%s is passed over and breaks nothing', (_what, garbage) => {
  expect(chain.take(1, encodeJson(garbage)).kind).toBe('refused');
  expect(chain.broken).toBeUndefined();
  expect(chain.take(2, encodeJson(event(2, [namespace('a')]))).kind).toBe('applied');
  expect(chain.state.digest).toBe(author.digest);
  expect(chain.lastSequence).toBe(2);
});

test('lists that hold no resources are garbage, not a failure of whoever reads them', () => {
  const written = { ...event(1, []), upserts: [{ kind: 'Namespace' }, null] };
  expect(chain.take(1, encodeJson(written))).toEqual({
    kind: 'refused',
    cause: 'foreign',
    why: 'its upserts are not resources',
  });
  expect(chain.broken).toBeUndefined();
});

test('a break keeps the last good state, until an event continues from exactly that', () => {
  chain.take(1, encodeJson(event(1, [namespace('a')])));
  const { digest } = chain.state;
  const forged = { ...event(2, [namespace('b')]), previousDigest: 'sha256:00' };
  expect(chain.take(2, encodeJson(forged)).kind).toBe('refused');
  expect(chain.broken).toContain('message 2 of the config log cannot be followed');
  expect(chain.state.digest).toBe(digest);
  author = chain.state.clone();
  expect(chain.take(3, encodeJson(event(3, [namespace('c')]))).kind).toBe('applied');
  expect(chain.broken).toBeUndefined();
  expect([...chain.state.entries.keys()]).toEqual(['Namespace/-/a', 'Namespace/-/c']);
});

test('what comes again is known, and a message that is gone is passed over', () => {
  const first = encodeJson(event(1, [namespace('a')]));
  expect(chain.take(1, first).kind).toBe('applied');
  expect(chain.take(1, first).kind).toBe('known');
  chain.passOver(5);
  chain.passOver(3);
  expect(chain.lastSequence).toBe(5);
});

/** The first event of an epoch: it has all that there is. */
function genesis(sequence: number, epoch: number, upserts: Resource[]): Record<string, unknown> {
  author = new MeshState();
  const ages = upserts.map((_, i) => ({ createdAt: i - 5, createdTime: 'then', generation: 3 }));
  return { ...event(sequence, upserts), epoch, genesis: { from: '1-9' }, ages };
}

test('a later epoch begins with a whole state, also on a chain that is broken', () => {
  chain.take(1, encodeJson(event(1, [namespace('a'), namespace('b')])));
  chain.take(2, encodeJson({ ...event(2, [namespace('c')]), digest: 'sha256:00' }));
  expect(chain.broken).toBeDefined();
  const { state } = chain;
  const taken = chain.take(3, encodeJson(genesis(3, 4, [namespace('b'), namespace('z')])));
  expect(taken).toMatchObject({ kind: 'applied' });
  expect(taken.kind === 'applied' && [...taken.changed].sort()).toEqual(
    ['a', 'b', 'z'].map((name) => `Namespace/-/${name}`),
  );
  expect(chain.broken).toBeUndefined();
  expect(chain.epoch).toBe(4);
  // Who holds the state sees the new one.
  expect(state).toBe(chain.state);
  expect(state.digest).toBe(author.digest);
  const ages = ['b', 'z'].map((name) => state.entries.get(`Namespace/-/${name}` as ResourceKey));
  expect(ages.map((entry) => entry?.createdAt)).toEqual([-5, -4]);
  const next = { ...event(4, [namespace('y')]), epoch: 4 };
  expect(chain.take(4, encodeJson(next)).kind).toBe('applied');
});

test.each([
  ['what follows from something', { previousDigest: 'sha256:00' }],
  ['another digest', { digest: 'sha256:00' }],
  ['deletes', { deletes: [{ kind: 'Namespace', name: 'a' }] }],
  ['ages of others', { ages: [] }],
  ['an epoch that is no number', { epoch: '2' }],
  ['no genesis', { genesis: undefined }],
])('an epoch does not begin with %s', (_what, wrong) => {
  chain.take(1, encodeJson(event(1, [namespace('a')])));
  const { digest } = chain.state;
  expect(chain.take(2, encodeJson({ ...genesis(2, 2, [namespace('b')]), ...wrong })).kind).toBe(
    'refused',
  );
  expect(chain.epoch).toBe(1);
  expect(chain.state.digest).toBe(digest);
});

test('an event of an epoch whose beginning is not there breaks the chain', () => {
  chain.take(1, encodeJson(event(1, [namespace('a')])));
  chain.take(2, encodeJson({ ...event(2, [namespace('b')]), epoch: 2 }));
  expect(chain.broken).toContain('it belongs to the epoch 2, whose first event is not there');
});

test('an epoch that has ended is passed over', () => {
  chain.take(1, encodeJson(genesis(1, 2, [namespace('a')])));
  expect(chain.take(2, encodeJson(event(2, [namespace('b')])))).toMatchObject({
    kind: 'refused',
    why: 'it belongs to the epoch 1',
  });
  expect(chain.broken).toBeUndefined();
});

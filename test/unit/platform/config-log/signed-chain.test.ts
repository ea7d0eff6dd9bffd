import { EVENT_SCHEMA } from '#contracts/events.ts';
import type { Resource } from '#contracts/resources/index.ts';
import type { Signed } from '#contracts/signing.ts';
import { EventChain } from '#platform/config-log/chain.ts';
import { encodeJson } from '#platform/nats.ts';
import { Signer, Trust, newSigningKeys } from '#platform/signing.ts';
import { MeshState } from '#platform/state.ts';
import { beforeEach, expect, test } from 'vitest';

const keys = newSigningKeys();
const nextKeys = newSigningKeys();
const signer = new Signer(keys.privateKey, 'a key');
const nextSigner = new Signer(nextKeys.privateKey, 'the next key');
const trust = new Trust([{ pem: keys.publicKey, from: 'a key' }]);

let author: MeshState;
let chain: EventChain;

beforeEach(() => {
  author = new MeshState();
  chain = new EventChain('m', { trust });
});

interface Written extends Signed {
  [name: string]: unknown;
}

/** An event that continues from what the author wrote last; it is not signed. */
function event(sequence: number, ...names: string[]): Written {
  const upserts: Resource[] = names.map((name) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name },
  }));
  return change(sequence, { upserts, deletes: [] });
}

function change(
  sequence: number,
  { upserts, deletes }: Pick<Parameters<MeshState['apply']>[0], 'upserts' | 'deletes'>,
): Written {
  const time = '2026-01-01T00:00:00Z';
  const previousDigest = author.digest;
  author.apply({ sequence, time, upserts, deletes });
  return {
    ...{ schema: EVENT_SCHEMA, minProxy: '0.1.0', mesh: 'm', epoch: 1, id: `id-${sequence}` },
    ...{ author: 'ann', message: '', time, upserts, deletes, sequence },
    ...{ previousDigest, digest: author.digest },
  };
}

const signed = (written: Written, by = signer): Written => by.sign('change-set', written);
const take = (sequence: number, value: unknown) => chain.take(sequence, encodeJson(value));

test('what is signed for its place is applied', () => {
  expect(take(1, signed(event(1, 'a')))).toMatchObject({ kind: 'applied' });
  expect(take(2, signed(event(2, 'b')))).toMatchObject({ kind: 'applied' });
  expect(chain.state.digest).toBe(author.digest);
});

test.each<[string, (written: Written) => unknown, string]>([
  ['no signature', (written) => written, 'it is not signed'],
  ['a changed content', (w) => ({ ...signed(w), author: 'eve' }), 'it does not match its'],
  [
    'the signature of an unknown key',
    (w) => signed(w, nextSigner),
    `it is signed by the key ${nextSigner.id}, which is not trusted`,
  ],
  ['a signature for a head', (w) => signer.sign('head', w), 'it does not match its signature'],
  ['another place', (w) => signed({ ...w, sequence: 7 }), 'it was signed for message 7'],
  ['no place', (w) => signed({ ...w, sequence: undefined }), 'it was signed for message undefined'],
  ['a schema of the future, unsigned', (w) => ({ ...w, schema: 99 }), 'it is not signed'],
])('with %s it is as if it were not there', (_what, forge, why) => {
  const taken = take(1, forge(event(1, 'evil')));
  expect(taken).toMatchObject({ kind: 'refused', cause: 'untrusted' });
  expect(taken).toHaveProperty('why', expect.stringContaining(why));
  expect(chain.broken).toBeUndefined();
  expect(chain.lastSequence).toBe(1);
  author = new MeshState();
  expect(take(2, signed(event(2, 'a')))).toMatchObject({ kind: 'applied' });
  expect([...chain.state.entries.keys()]).toEqual(['Namespace/-/a']);
});

test('a signed event of another mesh is foreign, one of the future breaks the chain', () => {
  expect(take(1, signed({ ...event(1), mesh: 'x' }))).toMatchObject({ cause: 'foreign' });
  expect(take(2, signed({ ...event(2), epoch: 0 }))).toMatchObject({ cause: 'foreign' });
  expect(chain.broken).toBeUndefined();
  expect(take(3, signed({ ...event(3), schema: 99 }))).toMatchObject({ cause: 'newer' });
  expect(chain.broken).toContain('message 3 of the config log cannot be followed');
});

test('an old event said again is refused, also when the state has come back to its digest', () => {
  const first = signed(event(1, 'a'));
  take(1, first);
  const deletes = [{ kind: 'Namespace', name: 'a' }] as const;
  take(2, signed(change(2, { upserts: [], deletes })));
  expect(chain.state.digest).toBe(first['previousDigest']);
  expect(take(3, first)).toMatchObject({ kind: 'refused', why: 'it was signed for message 1' });
  expect(chain.state.entries.size).toBe(0);
  // Without signatures nothing tells it from a change-set.
  const unsigned = new EventChain('m');
  unsigned.take(1, encodeJson(first));
  unsigned.take(2, encodeJson({ ...first, upserts: [], deletes, ...swapped(first) }));
  expect(unsigned.take(3, encodeJson(first)).kind).toBe('applied');
});

function swapped(written: Written): object {
  return { previousDigest: written['digest'], digest: written['previousDigest'] };
}

test('while two keys overlap both are believed, and the old one’s history stays readable', () => {
  const both = new Trust([
    { pem: keys.publicKey, from: 'a key' },
    { pem: nextKeys.publicKey, from: 'the next key' },
  ]);
  chain = new EventChain('m', { trust: both });
  const events = [
    signed(event(1, 'a')),
    signed(event(2, 'b'), nextSigner),
    signed(event(3, 'c')),
    signed(event(4, 'd'), nextSigner),
  ];
  for (const [i, each] of events.entries()) expect(take(i + 1, each).kind).toBe('applied');
  // Who forgets the old key while its events are in the log stops at the first of them.
  chain = new EventChain('m', { trust: new Trust([{ pem: nextKeys.publicKey, from: 'next' }]) });
  expect(take(1, events[0])).toMatchObject({ cause: 'untrusted' });
  expect(take(2, events[1])).toMatchObject({ cause: 'fit' });
  expect(chain.broken).toContain('message 2 of the config log cannot be followed');
});

test('nesting without end is refused like anything that nobody has signed', () => {
  const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
  const value = `{"signature":{"key":"${signer.id}","value":"AA"},"x":${deep}}`;
  const taken = chain.take(1, new TextEncoder().encode(value));
  expect(taken).toMatchObject({ cause: 'untrusted', why: 'it does not match its signature' });
});

test('a chain goes on behind a state, and can be read again from there', () => {
  const first = signed(event(1, 'a'));
  take(1, first);
  const behind = new EventChain('m', { trust, from: { state: chain.state.clone(), epoch: 1 } });
  expect(behind.take(1, encodeJson(first)).kind).toBe('known');
  const second = encodeJson(signed(event(2, 'b')));
  const third = encodeJson(signed(event(3, 'c')));
  expect(behind.take(3, third)).toMatchObject({ cause: 'fit' });
  behind.rewind();
  expect(behind.take(2, second).kind).toBe('applied');
  expect(behind.take(3, third).kind).toBe('applied');
  expect(behind.broken).toBeUndefined();
});

test('a later epoch is begun by a signed genesis alone', () => {
  const { state } = chain;
  const genesis = { ...event(1, 'b'), epoch: 2, genesis: { from: '1-9' } };
  expect(take(1, genesis)).toMatchObject({ cause: 'untrusted' });
  expect(chain).toMatchObject({ epoch: 1, broken: undefined });
  const { genesis: _genesis, ...none } = genesis;
  const other = new EventChain('m', { trust });
  expect(other.take(1, encodeJson(signed(none)))).toMatchObject({ cause: 'ahead' });
  expect(take(2, signed({ ...genesis, sequence: 2 }))).toMatchObject({ kind: 'applied' });
  expect(chain.epoch).toBe(2);
  expect([...state.entries.keys()]).toEqual(['Namespace/-/b']);
});

import type { ChangeSetEvent } from '#contracts/events.ts';
import { EventBodies, objectOf } from '#platform/config-log/bodies.ts';
import { EventChain } from '#platform/config-log/chain.ts';
import { decodeEvent } from '#platform/config-log/event.ts';
import { decodeJson, encodeJson } from '#platform/nats.ts';
import { distrustOfState } from '#platform/config-log/proof.ts';
import { Signer, Trust, newSigningKeys } from '#platform/signing.ts';
import { beforeEach, describe, expect, test } from 'vitest';
import { LogWriter, service } from '../../proxy/snapshot/log.ts';
import { FakeObjects } from './objects.ts';

const AT_FIRST = { mesh: 'm', epoch: 1, sequence: 1, trust: undefined };

let store: FakeObjects;
let bodies: EventBodies;

beforeEach(() => {
  store = new FakeObjects();
  bodies = new EventBodies(store);
});

/** Written by an author; some 100 bytes for each Service. */
function event(services: number): ChangeSetEvent {
  const upserts = Array.from({ length: services }, (_, i) => service(`s-${i}`));
  return new LogWriter('m').write(upserts);
}

test('a small event is its message and touches no store', async () => {
  store.away = true;
  const written = event(10);
  const { data, whole, object } = await bodies.pack(written);
  expect(object).toBeUndefined();
  expect(decodeJson(data)).toEqual(written);
  expect(whole).toBe(data);
  expect(await bodies.whole(data)).toBe(data);
});

test('a large one is the same event again, with its body fetched', async () => {
  const written = { ...event(6_000), message: 'it says "body" {"object":1} itself' };
  const { data, whole, object = '' } = await bodies.pack(written);
  expect([...store.objects.keys()]).toEqual([object]);
  expect(objectOf(data)).toBe(object);
  expect(data.byteLength).toBeLessThan(1_000);
  expect(decodeJson(whole)).toEqual(written);
  expect(decodeJson(await bodies.whole(data))).toEqual(written);
  const chain = new EventChain('m');
  expect(chain.take(1, await bodies.whole(data)).kind).toBe('applied');
  expect(chain.state.digest).toBe(written.digest);
});

test('resources that hold a field of that name are no reference to an object', async () => {
  const written = { ...event(1), upserts: [{ spec: { body: { object: 'x' } } }] };
  const data = encodeJson(written);
  expect(await bodies.whole(data)).toBe(data);
  expect(objectOf(data)).toBeUndefined();
});

test('a store that does not answer is an error, never an event without its body', async () => {
  const { data } = await bodies.pack(event(6_000));
  store.away = true;
  await expect(bodies.whole(data)).rejects.toThrow('does not answer');
  await expect(bodies.pack(event(6_000))).rejects.toThrow('does not answer');
});

test.each([
  ['gone', (name: string) => store.objects.delete(name)],
  ['cut off', (name: string) => store.objects.set(name, new Uint8Array(7))],
  [
    'another of the same length',
    (name: string) => {
      const length = store.objects.get(name)?.byteLength ?? 0;
      store.objects.set(name, Buffer.alloc(length, ' '));
    },
  ],
])('a body that is %s breaks the chain', async (_what, harm) => {
  const { data, object = '' } = await bodies.pack(event(6_000));
  harm(object);
  const read = await bodies.whole(data);
  expect(decodeEvent(read, AT_FIRST).kind).toBe('bodiless');
  const chain = new EventChain('m');
  expect(chain.take(1, read).kind).toBe('refused');
  expect(chain.broken).toContain(`the object ${object}, is gone or damaged`);
});

test('the name belongs to one change-set: equal bodies of two are two objects', async () => {
  const written = event(6_000);
  await bodies.pack(written);
  await bodies.pack({ ...written, id: 'another' });
  expect(store.objects.size).toBe(2);
});

describe('in a signed mesh', () => {
  const keys = newSigningKeys();
  const signer = new Signer(keys.privateKey, 'the key');
  const trust = new Trust([{ pem: keys.publicKey, from: 'the key' }]);
  const signed = async () => {
    const writer = new LogWriter('m', signer);
    const upserts = Array.from({ length: 6_000 }, (_, i) => service(`s-${i}`));
    const written = writer.write(upserts);
    const { data, object = '' } = await new EventBodies(store, signer).pack(written);
    return { writer, written, data, object };
  };

  test('a large event is believed by its own signature, body and all', async () => {
    const { data, written } = await signed();
    const chain = new EventChain('m', { trust });
    expect(chain.take(1, await bodies.whole(data)).kind).toBe('applied');
    expect(chain.state.digest).toBe(written.digest);
  });

  test('a message whose body is gone is a gap when it is signed, else nothing', async () => {
    const { data, object } = await signed();
    await store.remove(object);
    const chain = new EventChain('m', { trust });
    const { body, ...head } = decodeJson(data) ?? {};
    const { signature, ...unsigned } = body as { signature: object };
    const forgeries = [
      { ...head, body: unsigned },
      { ...head, body: { ...unsigned, signature, bytes: 7 } },
      { ...head, message: 'another', body },
    ];
    for (const forged of forgeries) {
      const read = await bodies.whole(encodeJson(forged));
      expect(new EventChain('m', { trust }).take(1, read)).toMatchObject({ cause: 'untrusted' });
    }
    // For another place in the log it is none.
    expect(chain.take(2, await bodies.whole(data))).toMatchObject({ cause: 'untrusted' });
    expect(chain.broken).toBeUndefined();
    const other = new EventChain('m', { trust });
    expect(other.take(1, await bodies.whole(data))).toMatchObject({ cause: 'bodiless' });
    expect(other.broken).toContain(object);
  });

  test('the message alone vouches for the state that it leads to, and for no other', async () => {
    const { data, written } = await signed();
    const { digest } = written;
    const proven = { mesh: 'm', epoch: 1, sequence: 1, digest };
    expect(distrustOfState(data, proven, trust)).toBeUndefined();
    const others = [
      [{ digest: 'sha256:0' }, 'the proof of another state'],
      [{ epoch: 2 }, 'it belongs to the epoch 1'],
      [{ sequence: 2 }, 'it was signed for message 1'],
      [{ mesh: 'n' }, 'it belongs to the mesh m'],
    ] as const;
    for (const [other, why] of others) {
      expect(distrustOfState(data, { ...proven, ...other }, trust)).toContain(why);
    }
    const stranger = new Trust([{ pem: newSigningKeys().publicKey, from: 'another' }]);
    expect(distrustOfState(data, proven, stranger)).toContain('not trusted');
  });
});

import type { ChangeSetEvent } from '#contracts/events.ts';
import { EventBodies, objectOf } from '#platform/config-log/bodies.ts';
import { EventChain } from '#platform/config-log/chain.ts';
import { decodeEvent } from '#platform/config-log/event.ts';
import { decodeJson, encodeJson } from '#platform/nats.ts';
import { beforeEach, expect, test } from 'vitest';
import { LogWriter, service } from '../../proxy/snapshot/log.ts';
import { FakeObjects } from './objects.ts';

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
  expect(decodeEvent(read, 'm', 1).kind).toBe('bodiless');
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

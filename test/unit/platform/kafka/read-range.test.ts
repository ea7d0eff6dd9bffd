import { readRange } from '../../../../services/platform/kafka/read-range.ts';
import type { GroupConsumer, GroupMessage, GroupOptions, ReadRange } from '#platform/kafka.ts';
import { FakeClock } from '#platform/clock.ts';
import { expect, test } from 'vitest';

/** A group that is handed what the test gives. */
function start(changes: Partial<ReadRange> = {}) {
  const seen: bigint[] = [];
  const sought: bigint[] = [];
  const clock = new FakeClock(0);
  let options: GroupOptions | undefined;
  let stopped = false;
  const group = {
    seek: (_topic, _partition, offset) => void sought.push(offset),
    problem: () => undefined,
    stop: () => {
      stopped = true;
      return Promise.resolve();
    },
  } as Partial<GroupConsumer> as GroupConsumer;
  const kafka = {
    consumeGroup(given: GroupOptions) {
      options = given;
      return group;
    },
  };
  const range: ReadRange = {
    ...{ topic: 't', partition: 0, from: 3n, to: 6n, groupPrefix: 'g', timeoutMs: 1_000 },
    visit: ({ offset }) => {
      seen.push(offset);
      return undefined;
    },
    ...changes,
  };
  const done = readRange(kafka, range, clock);
  const batch = (...offsets: bigint[]) =>
    options?.batch({
      partition: 0,
      messages: offsets.map((offset) => ({ offset }) as GroupMessage),
      resolve: () => undefined,
    } as never);
  return { done, batch, seen, sought, clock, options: () => options, stopped: () => stopped };
}

test('an empty range asks nobody', async () => {
  const { done, options } = start({ from: 6n });
  await done;
  expect(options()).toBeUndefined();
});

test('what is outside of the range, or comes twice, is not shown', async () => {
  const { done, batch, seen, sought, options, stopped } = start();
  await options()?.assigned?.({ memberId: 'm', partitions: [] });
  expect(sought).toEqual([3n]);
  await batch(1n, 2n, 3n, 4n);
  await options()?.assigned?.({ memberId: 'm', partitions: [] });
  expect(sought).toEqual([3n, 5n]);
  await batch(3n, 4n, 5n, 6n, 7n);
  await done;
  expect(seen).toEqual([3n, 4n, 5n]);
  expect(stopped()).toBe(true);
});

test('a hole at the end of the range ends it, and so does who has enough', async () => {
  const hole = start();
  await hole.batch(3n, 9n);
  await hole.done;
  expect(hole.seen).toEqual([3n]);
  const enough = start({ visit: () => 'enough' });
  await enough.batch(3n);
  await enough.done;
  expect(enough.stopped()).toBe(true);
});

test('time runs out with one sentence, and the group is left', async () => {
  const { done, clock, stopped } = start();
  clock.advance(1_000);
  await expect(done).rejects.toThrow('Kafka: t was not read within 1 s');
  expect(stopped()).toBe(true);
});

test('a reader that stops ends at once, and begins nothing more', async () => {
  const stopping = new AbortController();
  const { done, batch, seen, stopped } = start({ signal: stopping.signal });
  await batch(3n);
  stopping.abort();
  await expect(done).rejects.toThrow('Kafka: t is read no further: this program stops');
  expect([seen, stopped()]).toEqual([[3n], true]);
  const late = start({ signal: stopping.signal });
  await expect(late.done).rejects.toThrow('this program stops');
  expect(late.options()).toBeUndefined();
});

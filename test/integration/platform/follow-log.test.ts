import type { ResourceKey } from '#contracts/names.ts';
import type { Resource } from '#contracts/resources/index.ts';
import { type LogFollower, followLog } from '#platform/follow-log.ts';
import { systemClock } from '#platform/clock.ts';
import { createLog } from '#platform/log.ts';
import { encodeJson } from '#platform/nats.ts';
import { MeshState } from '#platform/state.ts';
import { eventually } from '#test/eventually.ts';
import { uniqueMesh } from '#test/parts.ts';
import { afterEach, expect, test } from 'vitest';
import { ConfigLogWriter } from '../alerting/config-log.ts';

const stops: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function setUp() {
  const writer = await ConfigLogWriter.open(uniqueMesh());
  stops.push(() => writer.stop());
  const calls: { keys: ResourceKey[]; sequence: number }[] = [];
  const follow = (): LogFollower => {
    const follower = followLog({
      connection: writer.connection,
      mesh: writer.mesh,
      clock: systemClock,
      log: createLog({ service: 'test', level: 'silent' }),
      changed: (keys) => calls.push({ keys: [...keys], sequence: follower.state.sequence }),
    });
    stops.push(() => follower.stop());
    return follower;
  };
  return { calls, follow, writer };
}

const namespace = (name: string): Resource => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name },
});
const atSequence = (follower: LogFollower, sequence: number) =>
  eventually(() => (follower.state.sequence === sequence ? true : undefined), {
    what: `sequence ${sequence}`,
    timeoutMs: 10_000,
  });
const problem = (follower: LogFollower, text: string) =>
  eventually(() => (follower.problem()?.includes(text) === true ? true : undefined), {
    what: `the problem ${text}`,
    timeoutMs: 10_000,
  });

test('follows a log from its beginning, and is first told of the head', async () => {
  const { calls, follow, writer } = await setUp();
  await writer.create();
  for (let i = 1; i <= 70; i++) await writer.apply([namespace(`n${i}`)]);
  const follower = follow();
  expect(follower.problem()).toBe('the config log has not been read yet');
  await atSequence(follower, 70);
  await eventually(() => (follower.problem() === undefined ? true : undefined), {
    what: 'no problem',
    timeoutMs: 5_000,
  });
  expect(calls).toHaveLength(1);
  expect(calls[0]?.sequence).toBe(70);
  expect(calls[0]?.keys).toHaveLength(70);
  await writer.apply([namespace('new')], [{ kind: 'Namespace', name: 'n1' }]);
  await atSequence(follower, 71);
  expect(calls[1]?.keys.toSorted()).toEqual(['Namespace/-/n1', 'Namespace/-/new']);
});

test('an empty log is a state; one that does not exist yet is waited for', async () => {
  const { calls, follow, writer } = await setUp();
  const follower = follow();
  await problem(follower, `mesh ${writer.mesh} has no config log yet`);
  expect(calls).toEqual([]);
  await writer.create();
  await eventually(() => calls[0], { what: 'the first call', timeoutMs: 15_000 });
  expect(calls).toEqual([{ keys: [], sequence: 0 }]);
});

test('passes over what is no change-set of the mesh', async () => {
  const { follow, writer } = await setUp();
  await writer.create();
  const follower = follow();
  await writer.publish(new TextEncoder().encode('not JSON'));
  await writer.publish(encodeJson({ schema: 1, mesh: 'another' }));
  await writer.publish(encodeJson({ schema: 1, mesh: writer.mesh, epoch: 1, upserts: 'all' }));
  await writer.apply([namespace('a')]);
  await atSequence(follower, 4);
  expect(follower.problem()).toBeUndefined();
  expect([...follower.state.entries.keys()]).toEqual(['Namespace/-/a']);
});

test('passes over what does not fit, says so, and keeps the last good state', async () => {
  const { calls, follow, writer } = await setUp();
  await writer.create();
  await writer.apply([namespace('a')]);
  const follower = follow();
  await atSequence(follower, 1);
  await writer.apply([namespace('b')], [], { previousDigest: 'sha256:00' });
  await problem(follower, 'message 2 of the config log cannot be followed');
  expect([...follower.state.entries.keys()]).toEqual(['Namespace/-/a']);
  expect(calls).toHaveLength(1);
});

test('begins after what was purged from a log, without asking for each message', async () => {
  const { calls, follow, writer } = await setUp();
  await writer.create();
  const manager = await writer.connection.jetstreamManager();
  for (let i = 0; i < 200; i++) await writer.publish(new TextEncoder().encode('garbage'));
  await manager.streams.purge(writer.subjects.streams.config);
  await writer.apply([namespace('a')]);
  const startedMs = performance.now();
  const follower = follow();
  await atSequence(follower, 201);
  // Seven batches of messages that are asked for twice take half a second each.
  expect(performance.now() - startedMs).toBeLessThan(3_000);
  expect(calls).toHaveLength(1);
});

test('does not take a log that was made again for the old one', async () => {
  const { follow, writer } = await setUp();
  await writer.create();
  await writer.apply([namespace('a')]);
  const follower = follow();
  await atSequence(follower, 1);
  await writer.remove();
  await writer.create();
  await writer.apply([namespace('z')]);
  await problem(follower, 'the stream was made again');
  expect([...follower.state.entries.keys()]).toEqual(['Namespace/-/a']);
});

test('goes on with a log that was made again once that begins a new epoch', async () => {
  const { calls, follow, writer } = await setUp();
  await writer.create();
  for (const name of ['a', 'b', 'c']) await writer.apply([namespace(name)]);
  const follower = follow();
  await atSequence(follower, 3);
  await writer.remove();
  await writer.create();
  await problem(follower, 'the stream was made again');
  const upserts = [namespace('a'), namespace('z')];
  const author = new MeshState();
  const previousDigest = author.digest;
  author.apply({ sequence: 1, time: '', upserts, deletes: [] });
  const genesis = {
    ...{ schema: 1, minProxy: '0.1.0', mesh: writer.mesh, epoch: 2, id: 'genesis', author: 'ann' },
    ...{ message: '', time: '', upserts, deletes: [], previousDigest, digest: author.digest },
    genesis: { from: '1-3' },
  };
  await writer.publish(encodeJson(genesis));
  await atSequence(follower, 1);
  expect([...follower.state.entries.keys()]).toEqual(['Namespace/-/a', 'Namespace/-/z']);
  expect(calls.at(-1)?.keys).toEqual(
    expect.arrayContaining(['a', 'b', 'c', 'z'].map((name) => `Namespace/-/${name}`)),
  );
  await eventually(() => (follower.problem() === undefined ? true : undefined), {
    what: 'no problem',
    timeoutMs: 10_000,
  });
});

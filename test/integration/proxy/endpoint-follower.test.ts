// A consumer that says nothing more, on a real nats-server.
import type { ServiceEndpoints } from '#contracts/events.ts';
import { type MeshSubjects, meshSubjects } from '#contracts/subjects.ts';
import { FakeClock } from '#platform/clock.ts';
import { createLog } from '#platform/log.ts';
import { connectNats, encodeJson } from '#platform/nats.ts';
import { Alarms } from '#proxy/snapshot/alarms.ts';
import { CHECK_INTERVAL_MS, EndpointFollower } from '#proxy/snapshot/endpoint-follower.ts';
import { eventually } from '#test/eventually.ts';
import { natsUrl, uniqueMesh } from '#test/parts.ts';
import type { NatsConnection } from 'nats';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { ensureStreams, wantedStreams } from '../../../services/config/log/streams.ts';

const log = createLog({ service: 'test', level: 'silent' });

let mesh: string;
let subjects: MeshSubjects;
let connection: NatsConnection;
let clock: FakeClock;
let heard: string[];

beforeEach(async () => {
  mesh = uniqueMesh();
  subjects = meshSubjects(mesh);
  connection = await connectNats({ url: natsUrl(), name: 'test', log });
  clock = new FakeClock();
  heard = [];
  await ensureStreams(await connection.jetstreamManager(), wantedStreams(subjects, 1));
  onTestFinished(() => connection.close());
});

async function announce(name: string): Promise<number> {
  const said: ServiceEndpoints = {
    ...{ mesh, service: `shop/${name}`, endpoints: [], time: '2026-01-01T00:00:00Z' },
  };
  const subject = subjects.endpoints('shop', name);
  return (await connection.jetstream().publish(subject, encodeJson(said))).seq;
}

function follow(): void {
  const follower = new EndpointFollower({
    ...{ connection, clock, log, random: () => 1 },
    identity: {
      ...{ mesh, proxy: 'edge', instance: 'a', role: 'gateway', workload: '', zone: '' },
      labels: {},
    },
    alarms: new Alarms(clock, log),
    endpoints: ({ service }) => heard.push(service),
  });
  follower.start();
  onTestFinished(() => follower.stop());
}

const until = (what: string, isSo: () => boolean): Promise<true> =>
  eventually(
    () => {
      clock.advance(CHECK_INTERVAL_MS);
      return isSo() || undefined;
    },
    { timeoutMs: 10_000, what },
  );

test('sets of endpoints that were missed are read within two checks', async () => {
  const manager = await connection.jetstreamManager();
  await announce('a');
  follow();
  await until('the first is there', () => heard.length === 1);
  const made = (await manager.consumers.info(subjects.streams.endpoints, 'edge')).created;
  await manager.consumers.pause(subjects.streams.endpoints, 'edge', new Date(Date.now() + 600_000));
  await announce('b');
  await until('the second is there', () => heard.includes('shop/b'));
  const info = await manager.consumers.info(subjects.streams.endpoints, 'edge');
  expect(info.created).not.toBe(made);
  await announce('c');
  await until('it is followed', () => heard.includes('shop/c'));
});

test('a message that somebody took from the stream is not asked for again and again', async () => {
  const manager = await connection.jetstreamManager();
  await announce('a');
  const sequence = await announce('b');
  await manager.streams.deleteMessage(subjects.streams.endpoints, sequence);
  follow();
  await until('the first is there', () => heard.length === 1);
  await until('it is read anew', () => heard.length === 2);
  const { created } = await manager.consumers.info(subjects.streams.endpoints, 'edge');
  const checked = async (): Promise<number> =>
    (await manager.streams.info(subjects.streams.endpoints)).state.consumer_count;
  for (let check = 0; check < 6; check++) {
    clock.advance(CHECK_INTERVAL_MS);
    await checked();
  }
  await announce('c');
  await until('what comes later is heard', () => heard.includes('shop/c'));
  const after = await manager.consumers.info(subjects.streams.endpoints, 'edge');
  expect(after.created).toBe(created);
  expect(heard).toEqual(['shop/a', 'shop/a', 'shop/c']);
});

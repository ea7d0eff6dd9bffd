import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ProxyList } from '#contracts/api/config.ts';
import { type MeshSubjects, meshSubjects } from '#contracts/subjects.ts';
import { FakeClock } from '#platform/clock.ts';
import { createLog } from '#platform/log.ts';
import { StreamFollower } from '#proxy/snapshot/follow-stream.ts';
import { readEndpoints } from '#proxy/snapshot/endpoints.ts';
import { natsUrl, uniqueMesh } from '#test/parts.ts';
import { isAlive } from '#test/processes.ts';
import { DeliverPolicy, type NatsConnection } from 'nats';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import {
  Api,
  Relay,
  SpokenProxy,
  eventually,
  natsClient,
  startService,
} from '../integration/config/support.ts';

const MAIN = fileURLToPath(new URL('../../services/config/main.ts', import.meta.url));

let mesh: string;
let subjects: MeshSubjects;
let connection: NatsConnection;

beforeEach(async () => {
  mesh = uniqueMesh();
  subjects = meshSubjects(mesh);
  connection = await natsClient();
});

/** A config service as a process of its own; killed after the test. */
async function spawnService(): Promise<{ child: ChildProcess; api: Api }> {
  const where = ['--mesh', mesh, '--nats', natsUrl(), '--listen', '127.0.0.1:0'];
  const args = [MAIN, ...where, '--insecure-unsigned'];
  const env = { ...process.env, WINDROSE_LOG_LEVEL: 'error' };
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env });
  onTestFinished(() => {
    if (child.pid !== undefined && isAlive(child.pid)) child.kill('SIGKILL');
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^ready (http:\S+)$/.exec(line)?.[1];
    if (url !== undefined) return { child, api: new Api(url) };
  }
  throw new Error('the service ended before it was ready');
}

const isWriter = async (api: Api): Promise<boolean> =>
  (await api.get<string>('/metrics')).body.includes('windrose_config_registry_writer 1\n');

const reviews = (port: number, more: object = {}): object => ({
  announces: { service: 'shop/reviews', address: '127.0.0.1', port },
  ...more,
});

async function announced(...ports: number[]): Promise<SpokenProxy[]> {
  const proxies = ports.map((port) => new SpokenProxy(connection, mesh, `r${port}`));
  for (const [index, proxy] of proxies.entries()) await proxy.beat(reviews(ports[index] ?? 0));
  await untilPublished(...ports);
  return proxies;
}

/** The ports of a published set of shop/reviews, or why it is none. */
function portsIn(data: Uint8Array): string {
  const subject = subjects.endpoints('shop', 'reviews');
  const set = readEndpoints(data, { mesh, subject, trust: undefined });
  return typeof set === 'string' ? set : set.endpoints.map(({ port }) => port).join();
}

/** The published set of shop/reviews. */
async function published(): Promise<string> {
  const manager = await connection.jetstreamManager();
  const last = { last_by_subj: subjects.endpoints('shop', 'reviews') };
  const message = await manager.streams
    .getMessage(subjects.streams.endpoints, last)
    .catch(() => undefined); // Nothing published yet.
  return message === undefined ? 'nothing' : portsIn(message.data);
}

const untilPublished = (...ports: number[]): Promise<void> =>
  eventually(`ports ${ports.join()}`, async () => (await published()) === ports.join());

/** A proxy's own reading of the stream. */
function follower(consumer: string, onSet: (ports: string) => void): StreamFollower {
  return new StreamFollower({
    ...{ connection, stream: subjects.streams.endpoints, random: Math.random, consumer },
    log: createLog({ service: 'test', level: 'silent' }),
    begin: () => ({
      deliver_policy: DeliverPolicy.LastPerSubject,
      filter_subject: subjects.endpoints('shop', 'reviews'),
    }),
    message: async (message) => {
      onSet(portsIn(message.data));
      return true;
    },
  });
}

/**
 * The set of shop/reviews that stands in the stream, and every one after it. (Who only subscribes
 * to the subject hears also what the stream refuses.)
 */
async function everySet(): Promise<string[]> {
  const sets: string[] = [];
  const reading = follower('every-set', (ports) => sets.push(ports));
  reading.start();
  onTestFinished(() => reading.stop());
  await eventually('the set that stands there', () => sets.length > 0);
  return sets;
}

describe('the config service that writes endpoints', () => {
  test('is killed: another one follows on, and takes nothing for gone', async () => {
    const { child } = await spawnService();
    const [r1] = await announced(9001, 9002);
    const second = await startService(mesh);
    const sets = await everySet();
    child.kill('SIGKILL');
    await eventually('the other one writes', () => isWriter(second.api));
    await r1?.beat({ state: 'goodbye' });
    await untilPublished(9002);
    expect(sets).toEqual(['9001,9002', '9002']);
  });

  test('stands still beyond its lease: another one writes, and goes on when it wakes', async () => {
    const { child, api } = await spawnService();
    const [r1, r2, r3] = await announced(9001, 9002, 9003);
    await eventually('it writes', () => isWriter(api));
    const second = await startService(mesh);
    // So that both know who lives.
    for (const [index, each] of [r1, r2, r3].entries()) await each?.beat(reviews(9001 + index));
    const sets = await everySet();
    child.kill('SIGSTOP');
    await eventually('the other one writes', () => isWriter(second.api));
    await r1?.beat({ state: 'goodbye' });
    await untilPublished(9002, 9003);
    child.kill('SIGCONT');
    await eventually('it knows', async () => !(await isWriter(api)));
    await r2?.beat({ state: 'goodbye' });
    await untilPublished(9003);
    expect(sets).toEqual(['9001,9002,9003', '9002,9003', '9003']);
    expect(await isWriter(second.api)).toBe(true);
  });
});

test('a cut link empties nothing, however long; what left meanwhile goes after', async () => {
  const relay = new Relay();
  await relay.listen();
  const clock = new FakeClock();
  const service = await startService(mesh, { natsUrl: relay.url, clock });
  await service.ready;
  const [r1] = await announced(9001, 9002, 9003);
  const sets = await everySet();
  const { port } = relay;
  await relay.close();
  await eventually(
    'the link is down',
    async () => (await service.api.get('/readyz')).status === 503,
  );
  for (let passedMs = 0; passedMs < 600_000; passedMs += 5_000) clock.advance(5_000);
  await r1?.beat({ state: 'goodbye' });
  await relay.listen(port);
  await eventually(
    'the link is back',
    async () => (await service.api.get('/readyz')).status === 200,
  );
  const states = async (): Promise<string[]> => {
    const { body } = await service.api.get<ProxyList>('/v1/proxies');
    return body.items.map(({ proxy, state }) => `${proxy} ${state}`);
  };
  expect(await states()).toEqual(['r9001 up', 'r9002 up', 'r9003 up']);
  expect(sets).toEqual(['9001,9002,9003']);
  // Who lives is heard, who left is silent: only that one goes.
  await eventually('the one that left is gone', async () => {
    for (const [at, name] of [9002, 9003].map((each) => [each, `r${each}`] as const)) {
      await new SpokenProxy(connection, mesh, name).beat(reviews(at));
    }
    clock.advance(1_000);
    return (await published()) === '9002,9003';
  });
  expect(sets).toEqual(['9001,9002,9003', '9002,9003']);
});

test('heartbeats that change nothing cost no message, a goodbye one for each proxy', async () => {
  // It stands still: nothing between a goodbye and the proxies waits for a timer.
  await startService(mesh, { clock: new FakeClock() });
  const all = await announced(9001, 9002);
  const heard: string[] = [];
  const followers = Array.from({ length: 50 }, (_, index) =>
    follower(`proxy-${index}`, (ports) => heard.push(ports)),
  );
  for (const each of followers) each.start();
  onTestFinished(async () => {
    await Promise.all(followers.map((each) => each.stop()));
  });
  await eventually('all proxies know both', () => heard.length === followers.length);
  for (let beats = 0; beats < 20; beats++) {
    await all[0]?.beat(reviews(9001));
    await all[1]?.beat(reviews(9002));
  }
  await all[0]?.beat({ state: 'goodbye' });
  await eventually('all proxies know', () => heard.length >= 2 * followers.length);
  expect(heard).toEqual([...followers.map(() => '9001,9002'), ...followers.map(() => '9002')]);
});

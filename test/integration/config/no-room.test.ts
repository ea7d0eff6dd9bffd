// A NATS server whose account gives less than a mesh needs: real limits, a server of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProblemDetails } from '#contracts/problems.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import { ROOT } from '#local/install.mjs';
import { fetchNats } from '#local/nats/server.ts';
import { freePort, tempDir, uniqueMesh } from '#test/parts.ts';
import { AckPolicy, type JetStreamManager, connect, nanos } from 'nats';
import { expect, onTestFinished, test } from 'vitest';
import {
  CONSUMERS_MAX,
  ensureStreams,
  wantedStreams,
} from '../../../services/config/log/streams.ts';
import { type Api, eventually, service, startService } from './support.ts';

/** Starts nats-server with these JetStream limits for everyone; killed after the test. */
async function limitedNats(limits: string): Promise<string> {
  const folder = tempDir();
  const port = await freePort();
  const conf = join(folder, 'nats.conf');
  writeFileSync(
    conf,
    `listen: "127.0.0.1:${port}"
     jetstream { store_dir: "${folder}/store" }
     accounts { W { jetstream { ${limits} }, users: [{ user: w, password: w }] } }
     no_auth_user: w`,
  );
  const program = await fetchNats({
    cacheDir: join(ROOT, '.windrose/parts'),
    env: process.env,
    progress: () => undefined,
  });
  const server = spawn(program, ['-c', conf], { stdio: 'ignore' });
  onTestFinished(async () => {
    const ended = once(server, 'exit');
    server.kill('SIGKILL');
    await ended;
  });
  const url = `nats://127.0.0.1:${port}`;
  await eventually('NATS listens', async () => {
    const connection = await connect({ servers: url, reconnect: false }).catch(() => undefined);
    await connection?.close();
    return connection !== undefined;
  });
  return url;
}

test('without room for its streams the service says what is missing and what to do', async () => {
  const { api } = await startService('m', { natsUrl: await limitedNats('max_streams: 1') });
  const reason = await reasonWith(api, 'no room');
  expect(reason).toContain('maximum number of streams reached');
  expect(reason).toContain('max_file_store');
  expect((await api.refused({ upserts: [service('a')] })).detail).toContain('no room');
});

test('a stream that is lost and cannot be made again is said in /readyz', async () => {
  const natsUrl = await limitedNats('max_streams: 7');
  const { api, ready } = await startService('m', { natsUrl });
  await ready;
  await eventually('the last one of them is made, the lease', async () => {
    const { body } = await api.get<string>('/metrics');
    return body.includes('windrose_config_registry_writer 1');
  });
  const connection = await connect({ servers: natsUrl });
  onTestFinished(() => connection.close());
  const manager = await connection.jetstreamManager();
  await takeItsPlace(manager);
  expect(await reasonWith(api, 'no room')).toContain('WINDROSE_m_RECEIPTS cannot be read');
  await manager.streams.delete('OTHER');
  await eventually('it is ready again', async () => (await api.get('/readyz')).status === 200);
}, 60_000);

test('without room for the lease of the registry /readyz says so', async () => {
  const { api } = await startService('m', { natsUrl: await limitedNats('max_streams: 6') });
  expect(await reasonWith(api, 'no room')).toContain('the lease of the registry cannot be kept');
});

/** The service makes its stream again at once: another one has to be quicker. */
async function takeItsPlace(manager: JetStreamManager): Promise<void> {
  await eventually('the other stream takes the place', async () => {
    await manager.streams.delete('WINDROSE_m_RECEIPTS').catch(() => undefined);
    const made = manager.streams.add({ name: 'OTHER', subjects: ['other'] });
    return made.then(
      () => true,
      () => false,
    );
  });
}

async function reasonWith(api: Api, text: string): Promise<string> {
  let reason: string | undefined;
  await eventually(`/readyz says ${text}`, async () => {
    reason = (await api.get<{ reason?: string }>('/readyz')).body.reason;
    return reason?.includes(text) === true;
  });
  return reason ?? '';
}

test('a change-set for which there is no room is refused, surely not stored', async () => {
  const natsUrl = await limitedNats('max_file: 64KB');
  const { api, ready } = await startService('m', { natsUrl });
  await ready;
  const message = 'm'.repeat(1_900);
  let refused: ProblemDetails | undefined;
  for (let i = 0; i < 100 && refused === undefined; i++) {
    const answer = await api.post('/v1/changesets', { upserts: [service(`s${i}`)], message });
    if (answer.status !== 201) refused = answer.body as ProblemDetails;
  }
  expect(refused).toMatchObject({ status: 503, code: 'unavailable' });
  expect(refused?.detail).toMatch(/^the change-set was not stored: JetStream has no room/);
}, 60_000);

test('more proxies follow a stream than nats-server lets a stream have by itself', async () => {
  const natsUrl = await limitedNats('max_streams: 10');
  const { subjects, manager } = await meshAt(natsUrl);
  // As a service of before has left it.
  const [log = never()] = wantedStreams(subjects, 1);
  await manager.streams.add({ ...log, max_consumers: -1 });
  const filled = await fill(manager, log.name, BY_ITSELF);
  await expect(filled(1)).rejects.toThrow('maximum consumers limit reached');

  await ensureStreams(manager, wantedStreams(subjects, 1));
  for (const { name } of wantedStreams(subjects, 1)) {
    const { config } = await manager.streams.info(name);
    expect(config.max_consumers).toBe(CONSUMERS_MAX);
  }
  await filled(1);
});

test('an account that gives fewer consumers than Windrose asks for is taken as it is', async () => {
  const natsUrl = await limitedNats('max_streams: 10, max_consumers: 7');
  const { subjects, manager } = await meshAt(natsUrl);
  const [log = never(), ...rest] = wantedStreams(subjects, 1);
  await manager.streams.add({ ...log, max_consumers: 5 });
  await ensureStreams(manager, [log, ...rest]);
  const limits = [log, ...rest].map(async ({ name }) => {
    return (await manager.streams.info(name)).config.max_consumers;
  });
  expect(await Promise.all(limits)).toEqual([5, -1, -1, -1, -1, -1]);
});

/** What a stream takes that asks for nothing, since nats-server 2.15. */
const BY_ITSELF = 1000;

async function meshAt(natsUrl: string) {
  const connection = await connect({ servers: natsUrl });
  onTestFinished(() => connection.close());
  return { subjects: meshSubjects(uniqueMesh()), manager: await connection.jetstreamManager() };
}

/** Makes consumers, then more of them. */
async function fill(manager: JetStreamManager, stream: string, count: number) {
  let made = 0;
  const more = async (by: number): Promise<void> => {
    for (const end = made + by; made < end; made++) {
      await manager.consumers.add(stream, {
        ...{ name: `p${made}`, ack_policy: AckPolicy.None, mem_storage: true },
        inactive_threshold: nanos(60_000),
      });
    }
  };
  await more(count);
  return more;
}

function never(): never {
  throw new Error('a mesh has streams');
}

import { readFileSync } from 'node:fs';
import { meshSubjects, objectStore } from '#contracts/subjects.ts';
import { revokeProxy } from '#platform/mesh/accounts.ts';
import { connectNats, encodeJson } from '#platform/nats.ts';
import { ObjectStore } from '#platform/objects.ts';
import { createServiceLog } from '#platform/service-log.ts';
import { natsUrl } from '#test/parts.ts';
import { AckPolicy, DeliverPolicy, Events, type NatsConnection, nanos } from 'nats';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { SecuredMesh, refusals } from './secured.ts';
import { eventually } from './support.ts';

const MESH = 'prod';
const subjects = meshSubjects(MESH);
const { streams, objects, vault } = subjects;
const OBJECTS = streams.objects;
const CHUNK = `$O.${objects}.C.x`;
const OBJECT_BYTES = 600_000;

let secured: SecuredMesh;
/** What the config service was refused while it made its streams. */
let told: string[];

/** Streams and buckets as the config services have them. */
async function makeStreams(connection: NatsConnection): Promise<void> {
  const manager = await connection.jetstreamManager();
  await manager.streams.add({ name: streams.config, subjects: [subjects.config] });
  await manager.streams.add({ name: streams.endpoints, subjects: [subjects.allEndpoints] });
  await manager.streams.add({ name: streams.receipts, subjects: [subjects.allReceipts] });
  await manager.streams.add({ name: streams.secrets, subjects: [subjects.allSecrets] });
  const js = connection.jetstream();
  await js.publish(subjects.config, encodeJson({ a: 1 }));
  await js.publish(subjects.endpoints('shop', 'reviews'), encodeJson({ a: 2 }));
  await js.publish(subjects.secret('edge', 'd1'), encodeJson({ a: 3 }));
  await js.publish(subjects.secret('other', 'd2'), encodeJson({ a: 4 }));
  await js.publish(subjects.receipt('other'), encodeJson({ a: 5 }));
  for (const bucket of [objects, vault]) {
    const { stream: name, chunks, metas } = objectStore(bucket);
    const subjects = [`${chunks}.>`, `${metas}.>`];
    await manager.streams.add({ name, subjects, allow_rollup_hdrs: true });
    await new ObjectStore(connection, bucket).put('body', new Uint8Array(OBJECT_BYTES));
  }
  const lease = await js.views.kv(`windrose_${MESH}_lease`);
  await lease.put('registry', 'a');
}

/** Bytes of the object, as readers of the log read it. */
async function readObject(connection: NatsConnection): Promise<number | undefined> {
  return (await new ObjectStore(connection, objects).get('body'))?.byteLength;
}

beforeAll(async () => {
  secured = await SecuredMesh.start(MESH);
  const connection = await secured.open('config');
  told = refusals(connection);
  await makeStreams(connection);
  await connection.close();
});
afterAll(() => secured.stop());

describe('with the credential of a config service', () => {
  test('streams, buckets and the lease were made and written', async () => {
    expect(told).toEqual([]);
    const connection = await secured.asService('config');
    const lease = await connection.jetstream().views.kv(`windrose_${MESH}_lease`);
    expect((await lease.get('registry'))?.string()).toBe('a');
  });
});

describe('with the credential of a proxy', () => {
  test.each([
    ['the config log', streams.config, subjects.config, [{ a: 1 }]],
    ['the endpoints', streams.endpoints, subjects.allEndpoints, [{ a: 2 }]],
    ['its own Secrets', streams.secrets, subjects.secretsOf('edge'), [{ a: 3 }]],
  ])('%s can be followed', async (_what, stream, filter, expected) => {
    const connection = await secured.asProxy('edge');
    const told = refusals(connection);
    const manager = await connection.jetstreamManager({ checkAPI: false });
    expect((await manager.streams.info(stream)).state.messages).toBeGreaterThan(0);
    await manager.consumers.add(stream, {
      ...{ name: 'edge', ack_policy: AckPolicy.None, deliver_policy: DeliverPolicy.All },
      ...{ filter_subject: filter, mem_storage: true, inactive_threshold: nanos(60_000) },
    });
    const consumer = await connection.jetstream().consumers.get(stream, 'edge');
    const messages = await consumer.fetch({ max_messages: 1, expires: 5_000 });
    const read: unknown[] = [];
    for await (const message of messages) read.push(message.json());
    expect(read).toEqual(expected);
    expect(await manager.consumers.delete(stream, 'edge')).toBe(true);
    expect(told).toEqual([]);
  });

  test('receipts, heartbeats and hints of its own are taken; a name can be claimed', async () => {
    const connection = await secured.asProxy('edge');
    const told = refusals(connection);
    const ack = await connection.jetstream().publish(subjects.receipt('edge'), encodeJson({}));
    expect(ack.stream).toBe(streams.receipts);
    const manager = await connection.jetstreamManager({ checkAPI: false });
    const info = await manager.streams.info(streams.receipts, {
      subjects_filter: subjects.receipt('edge'),
    });
    expect(info.state.subjects).toEqual({ [subjects.receipt('edge')]: 1 });
    const heard: string[] = [];
    for (const name of ['first', 'second']) {
      const service = await secured.asService('config');
      service.subscribe(subjects.allHeartbeats, {
        callback: (_error, { subject }) => heard.push(`${name} ${subject}`),
      });
      await service.flush();
    }
    connection.publish(subjects.heartbeat('edge'), encodeJson({}));
    connection.publish(`windrose.${MESH}.hint.edge`, encodeJson({}));
    connection.subscribe(subjects.claim('edge'), {
      callback: (_error, message) => message.respond(encodeJson({ instance: '1' })),
    });
    connection.subscribe(subjects.head);
    const second = await secured.asProxy('edge');
    const answer = await second.request(subjects.claim('edge'), encodeJson({}));
    expect(answer.json()).toEqual({ instance: '1' });
    await eventually('each config service hears it', () => heard.length === 2);
    const heartbeat = subjects.heartbeat('edge');
    expect(heard.sort()).toEqual([`first ${heartbeat}`, `second ${heartbeat}`]);
    expect(told).toEqual([]);
  });

  test('an object can be read', async () => {
    const connection = await secured.asProxy('edge');
    const told = refusals(connection);
    expect(await readObject(connection)).toBe(OBJECT_BYTES);
    expect(told).toEqual([]);
  });

  const api = '$JS.API';
  test.each([
    ['write the config log', subjects.config],
    ['write endpoints', subjects.endpoints('shop', 'reviews')],
    ['publish a head', subjects.head],
    ['write a Secret', subjects.secret('edge', 'd1')],
    ['speak as another: receipt', subjects.receipt('other')],
    ['speak as another: heartbeat', subjects.heartbeat('other')],
    ['speak as another: claim', subjects.claim('other')],
    ['speak as another: hint', `windrose.${MESH}.hint.other`],
    ['answer for another', '_INBOX_other.x'],
    ['answer a config service', '_INBOX_SERVICE_config.x'],
    ['answer anyone', '_INBOX.x'],
    ...[streams.config, streams.endpoints, streams.receipts, streams.secrets, OBJECTS].flatMap(
      (stream) =>
        ['CREATE', 'UPDATE', 'DELETE', 'PURGE', 'MSG.DELETE', 'SNAPSHOT', 'RESTORE'].map(
          (verb): [string, string] => [`${verb} ${stream}`, `${api}.STREAM.${verb}.${stream}`],
        ),
    ),
    ['make a stream over the log', `${api}.STREAM.CREATE.mine`],
    ['list streams', `${api}.STREAM.NAMES`],
    ['see the account', `${api}.INFO`],
    ['follow objects', `${api}.CONSUMER.CREATE.${OBJECTS}.edge.$O.${objects}.>`],

    ['read any message of the log', `${api}.STREAM.MSG.GET.${streams.config}`],
    ['read any Secret', `${api}.STREAM.MSG.GET.${streams.secrets}`],
    ['read any Secret directly', `${api}.DIRECT.GET.${streams.secrets}.${subjects.allSecrets}`],
    ['read receipts', `${api}.STREAM.MSG.GET.${streams.receipts}`],
    [
      'follow the Secrets of another',
      `${api}.CONSUMER.CREATE.${streams.secrets}.edge.${subjects.secretsOf('other')}`,
    ],
    ['follow all Secrets', `${api}.CONSUMER.CREATE.${streams.secrets}.edge.${subjects.allSecrets}`],
    ['follow Secrets without a filter', `${api}.CONSUMER.CREATE.${streams.secrets}.edge`],
    ['follow Secrets without a name', `${api}.CONSUMER.CREATE.${streams.secrets}`],
    ['follow Secrets for ever', `${api}.CONSUMER.DURABLE.CREATE.${streams.secrets}.edge`],
    ['follow receipts', `${api}.CONSUMER.CREATE.${streams.receipts}.edge.${subjects.allReceipts}`],
    [
      'change the consumer of another',
      `${api}.CONSUMER.CREATE.${streams.config}.other.${subjects.config}`,
    ],
    ['read by the consumer of another', `${api}.CONSUMER.MSG.NEXT.${streams.config}.other`],
    ['end the consumer of another', `${api}.CONSUMER.DELETE.${streams.config}.other`],
    ['write an object', CHUNK],
    ['write about an object', `$O.${objects}.M.x`],
    ['see where values of Secrets rest', `${api}.STREAM.INFO.${streams.vault}`],
    ['read values of Secrets as they rest', `${api}.STREAM.MSG.GET.${streams.vault}`],
    ['read them directly', `${api}.DIRECT.GET.${streams.vault}`],
    ['follow them', `${api}.CONSUMER.CREATE.${streams.vault}.edge.$O.${vault}.>`],
    ['write values of Secrets', `$O.${vault}.C.x`],
    ['take the lease', `$KV.windrose_${MESH}_lease.registry`],
    ['read the lease', `${api}.STREAM.MSG.GET.KV_windrose_${MESH}_lease`],
    ['ask the server', '$SYS.REQ.SERVER.PING'],
    ['write for another mesh', meshSubjects('other').receipt('edge')],
  ])('it cannot %s', async (_what, subject) => {
    const connection = await secured.asProxy('edge');
    const told = refusals(connection);
    connection.publish(subject, encodeJson({}), { reply: '_INBOX_edge.x' });
    await connection.flush();
    await eventually('it is refused', () => told.length > 0);
    expect(told).toEqual([`publish ${subject}`]);
  });

  test.each([
    ['everything', '>'],
    ['all answers', '_INBOX.>'],
    ['answers to another', '_INBOX_other.>'],
    ['answers to a config service', '_INBOX_SERVICE_config.>'],
    ['Secrets of another', subjects.secretsOf('other')],
    ['all Secrets', subjects.allSecrets],
    ['receipts', subjects.allReceipts],
    ['heartbeats, with the grants in them', subjects.allHeartbeats],
    ['the claims of another', subjects.claim('other')],
    ['what others ask JetStream', '$JS.API.>'],
    ['news of JetStream', '$JS.EVENT.>'],
    ['objects as they are written', `$O.${objects}.>`],
    ['endpoints as they are written', subjects.allEndpoints],
    ['another mesh', meshSubjects('other').head],
  ])('it cannot listen to %s', async (_what, subject) => {
    const connection = await secured.asProxy('edge');
    const told = refusals(connection);
    connection.subscribe(subject, { callback: () => undefined });
    await connection.flush();
    await eventually('it is refused', () => told.length > 0);
    expect(told).toEqual([`subscription ${subject}`]);
  });

  test('it hears the head of the log', async () => {
    const connection = await secured.asProxy('edge');
    const heads: unknown[] = [];
    connection.subscribe(subjects.head, {
      callback: (_error, message) => heads.push(message.json()),
    });
    await connection.flush();
    const service = await secured.asService('config');
    service.publish(subjects.head, encodeJson({ head: 1 }));
    await eventually('it is heard', () => heads.length === 1);
    expect(heads).toEqual([{ head: 1 }]);
  });

  test('a consumer whose filter is not the one that was asked for is refused', async () => {
    const connection = await secured.asProxy('edge');
    const subject = `$JS.API.CONSUMER.CREATE.${streams.secrets}.edge.` + subjects.secretsOf('edge');
    const ask = async (stream: string, more: object): Promise<unknown> => {
      const config = { name: 'edge', ack_policy: 'none', ...more };
      const asked = encodeJson({ stream_name: stream, config });
      return (await connection.request(subject, asked)).json();
    };
    const refused = { error: { code: 400 } };
    expect(await ask(streams.secrets, { filter_subject: subjects.allSecrets })).toMatchObject(
      refused,
    );
    expect(await ask(streams.secrets, {})).toMatchObject(refused);
    const several = { filter_subjects: [subjects.secretsOf('edge'), subjects.secretsOf('other')] };
    expect(await ask(streams.secrets, several)).toMatchObject(refused);
    const filter = { filter_subject: subjects.secretsOf('edge') };
    expect(await ask(streams.receipts, filter)).toMatchObject(refused);
    // The name is that of the subject, whatever the request says.
    const named = await ask(streams.secrets, { ...filter, name: 'other' });
    expect(named).toMatchObject({ name: 'edge', config: { name: 'edge' } });
  });
});

describe('the server, which asks no permission for an answer, does nothing for a proxy', () => {
  /** Messages and last sequence of each stream; a stream that is gone is missing. */
  async function states(): Promise<Record<string, string>> {
    const connection = await secured.asService('config');
    const manager = await connection.jetstreamManager();
    const found: Record<string, string> = {};
    for await (const { config, state } of manager.streams.list()) {
      found[config.name] = `${state.messages} ${state.last_seq}`;
    }
    return found;
  }
  const api = '$JS.API';

  test.each([
    ['a change-set', subjects.config],
    ['endpoints', subjects.endpoints('shop', 'reviews')],
    ['a Secret', subjects.secret('edge', 'd1')],
    ['a receipt of another', subjects.receipt('other')],
    ['an object', CHUNK],
    ['the lease', `$KV.windrose_${MESH}_lease.registry`],
    ['an order to delete the log', `${api}.STREAM.DELETE.${streams.config}`],
    ['an order to purge the log', `${api}.STREAM.PURGE.${streams.config}`],
    ['an order to delete objects', `${api}.STREAM.DELETE.${OBJECTS}`],
  ])('its answer is never %s', async (_what, reply) => {
    const hostile = await secured.asProxy('hostile');
    const manager = await hostile.jetstreamManager({ checkAPI: false });
    await manager.consumers.add(streams.config, {
      ...{ name: 'hostile', ack_policy: AckPolicy.None, deliver_policy: DeliverPolicy.New },
      ...{ filter_subject: subjects.config },
    });
    const before = await states();
    const next = `${api}.CONSUMER.MSG.NEXT.${streams.config}.hostile`;
    const asked: [subject: string, body: Uint8Array][] = [
      [`${api}.STREAM.INFO.${streams.config}`, new Uint8Array()],
      // Answered with a message that has no body, as orders have none.
      [next, encodeJson({ batch: 1, no_wait: true })],
      [subjects.receipt('hostile'), encodeJson({})],
    ];
    for (const [subject, body] of asked) hostile.publish(subject, body, { reply });
    // What is answered after these was asked after them.
    await hostile.request(asked[0]?.[0] ?? '');
    await hostile.request(next, encodeJson({ batch: 1, no_wait: true }));
    const after = await states();
    const [messages = '', last = ''] = (before[streams.receipts] ?? '').split(' ');
    const own = `${Number(messages) + 1} ${Number(last) + 1}`;
    expect(after).toEqual({ ...before, [streams.receipts]: own });
    await manager.consumers.delete(streams.config, 'hostile');
  });

  test.each([
    ['delete the log', `${api}.STREAM.DELETE.${streams.config}`],
    ['purge the log', `${api}.STREAM.PURGE.${streams.config}`],
    ['delete objects', `${api}.STREAM.DELETE.${OBJECTS}`],
  ])('a consumer of it never pushes an order to %s', async (_what, deliver) => {
    const hostile = await secured.asProxy('hostile');
    const manager = await hostile.jetstreamManager({ checkAPI: false });
    const before = await states();
    await manager.consumers.add(streams.config, {
      ...{ name: 'hostile', ack_policy: AckPolicy.None, deliver_policy: DeliverPolicy.All },
      ...{ filter_subject: subjects.config, deliver_subject: deliver },
      ...{ idle_heartbeat: nanos(100) },
    });
    // Nobody hears what it would push to, so that it has pushed nothing.
    const { delivered, push_bound: isHeard } = await manager.consumers.info(
      streams.config,
      'hostile',
    );
    expect({ isHeard, count: delivered.consumer_seq }).toEqual({ isHeard: undefined, count: 0 });
    expect(await states()).toEqual(before);
    await manager.consumers.delete(streams.config, 'hostile');
  });
});

describe('with the credential of the alerting service', () => {
  test('the log and objects can be read', async () => {
    const connection = await secured.asService('alerting');
    const told = refusals(connection);
    connection.subscribe(subjects.config, { callback: () => undefined });
    const manager = await connection.jetstreamManager({ checkAPI: false });
    await manager.streams.info(streams.config);
    expect((await manager.streams.getMessage(streams.config, { seq: 1 })).json()).toEqual({ a: 1 });
    expect(await readObject(connection)).toBe(OBJECT_BYTES);
    expect(told).toEqual([]);
  });

  test.each([
    ['write the log', subjects.config],
    ['write endpoints', subjects.endpoints('shop', 'reviews')],
    ['purge the log', `$JS.API.STREAM.PURGE.${streams.config}`],
    ['read Secrets', `$JS.API.STREAM.MSG.GET.${streams.secrets}`],
    ['speak as a proxy', subjects.heartbeat('edge')],
  ])('it cannot %s', async (_what, subject) => {
    const connection = await secured.asService('alerting');
    const told = refusals(connection);
    connection.publish(subject, encodeJson({}));
    await connection.flush();
    await eventually('it is refused', () => told.length > 0);
    expect(told).toEqual([`publish ${subject}`]);
  });
});

describe('who connects', () => {
  const log = createServiceLog({ service: 'test', level: 'silent' });
  const connectAs = (more: Partial<Parameters<typeof connectNats>[0]>): Promise<NatsConnection> =>
    connectNats({ url: secured.url, name: 'test', log, firstConnectTimeoutMs: 0, ...more });

  test('needs a credential of this mesh', async () => {
    const caFile = secured.paths.nats.ca;
    await expect(connectAs({ caFile })).rejects.toThrow(/Authorization Violation/);
    const stranger = await SecuredMesh.start(MESH);
    onTestFinished(() => stranger.stop());
    const { natsCreds } = stranger.credential({ proxy: 'edge' });
    await expect(connectAs({ caFile, creds: () => natsCreds })).rejects.toThrow(/Authorization/);
    const expired = secured.credential({ proxy: 'edge', expiresAtMs: Date.now() - 1_000 });
    await expect(connectAs({ caFile, creds: () => expired.natsCreds })).rejects.toThrow(/Auth/);
  });

  test('needs to believe the server, and the server must be the one that was named', async () => {
    const { natsCreds } = secured.credential({ proxy: 'edge' });
    await expect(connectAs({ creds: () => natsCreds })).rejects.toThrow(/cert/);
    const ca = readFileSync(secured.paths.nats.ca, 'utf8');
    const connection = await connectAs({ ca, creds: () => natsCreds });
    await connection.close();
    const misnamed = await SecuredMesh.start(MESH, ['nats.example.com']);
    onTestFinished(() => misnamed.stop());
    const { natsCa = '', natsCreds: creds } = misnamed.credential({ proxy: 'edge' });
    const asked = { url: misnamed.url, ca: natsCa, creds: () => creds };
    await expect(connectAs(asked)).rejects.toThrow(/does not match certificate's altnames/);
  });

  test('by tls:// never speaks to a server without TLS', async () => {
    const url = natsUrl().replace('nats://', 'tls://');
    await expect(connectAs({ url })).rejects.toThrow(/tls/);
  });

  test('is cut off when revoked, and does not come back', async () => {
    const connection = await secured.asProxy('leaver');
    const stays = await secured.asProxy('stays');
    const seen: string[] = [];
    const follow = async (): Promise<void> => {
      for await (const { type, data } of connection.status()) {
        if (type === Events.Error && typeof data === 'string') seen.push(data);
      }
    };
    void follow();
    expect(revokeProxy(secured.paths, 'leaver', Date.now())).toBe(1);
    await secured.nats.kill('SIGHUP');
    await eventually('it is refused', () => seen.includes('AUTHORIZATION_VIOLATION'));
    expect(await stays.rtt()).toBeGreaterThanOrEqual(0);
    // One that is made afterwards is another user.
    const again = await secured.asProxy('leaver');
    expect(await again.rtt()).toBeGreaterThanOrEqual(0);
  });
});

// F38, of the registry: its lease and what it publishes live on three nodes.
import type { ServiceEndpoints } from '#contracts/events.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import { decodeJson } from '#platform/nats.ts';
import { uniqueMesh } from '#test/parts.ts';
import { type NatsConnection, connect } from 'nats';
import { expect, it, onTestFinished } from 'vitest';
import { SpokenProxy, eventually, startService } from '../integration/config/support.ts';
import { type Cluster, type ClusterNode, startCluster } from './support/cluster.ts';

const CLUSTER_TIMEOUT_MS = 180_000;
const RECONNECT = { reconnectTimeWait: 50, maxReconnectAttempts: -1 };

type Service = Awaited<ReturnType<typeof startService>>;

async function writes({ api }: Service): Promise<boolean> {
  const { body } = await api.get<string>('/metrics');
  return body.includes('windrose_config_registry_writer 1\n');
}

async function leaderOf(
  cluster: Cluster,
  connection: NatsConnection,
  stream: string,
): Promise<ClusterNode | undefined> {
  const manager = await connection.jetstreamManager({ checkAPI: false });
  const info = await manager.streams.info(stream);
  return cluster.nodes.find(({ name }) => name === info.cluster?.leader);
}

async function replicasOf(connection: NatsConnection, stream: string): Promise<number> {
  const manager = await connection.jetstreamManager({ checkAPI: false });
  return (await manager.streams.info(stream)).config.num_replicas;
}

/** All that was ever published of the one service, in its order. */
async function listen(connection: NatsConnection, subject: string): Promise<ServiceEndpoints[]> {
  const heard: ServiceEndpoints[] = [];
  const subscription = connection.subscribe(subject, {
    callback: (_error, { data }) => {
      heard.push(decodeJson(data) as unknown as ServiceEndpoints);
    },
  });
  onTestFinished(() => subscription.unsubscribe());
  await connection.flush();
  return heard;
}

it(
  'F38: three nodes, the leaders of the lease and of the endpoints killed: one writer goes on',
  async () => {
    const cluster = await startCluster();
    const mesh = uniqueMesh();
    const subjects = meshSubjects(mesh);
    const options = { natsUrl: cluster.url, replicas: 3 };
    const services = [await startService(mesh, options), await startService(mesh, options)];
    await Promise.all(services.map(({ ready }) => ready));
    const connection = await connect({ servers: cluster.url.split(','), ...RECONNECT });
    onTestFinished(() => connection.close());
    const heard = await listen(connection, subjects.endpoints('shop', 'reviews'));
    const proxyAt = (port: number): SpokenProxy => {
      const announces = { service: 'shop/reviews', address: '127.0.0.1', port };
      return new SpokenProxy(connection, mesh, `r${port}`, { announces });
    };
    const stays = proxyAt(9001);
    let leaves = proxyAt(9002);
    let isLeaving = false;
    /** The test's own link may hang on the node that is killed. */
    const say = (proxy: SpokenProxy, more: object = {}): Promise<void> =>
      proxy.beat(more).catch(() => undefined);
    const published = (ports: string): Promise<void> =>
      eventually(`ports ${ports} are published by one`, async () => {
        await say(stays);
        await say(leaves, isLeaving ? { state: 'goodbye' } : {});
        const writers = await Promise.all(services.map(writes));
        const newest = heard.at(-1)?.endpoints.map(({ port }) => port);
        return newest?.join() === ports && writers.filter(Boolean).length === 1;
      });
    await published('9001,9002');

    for (const [stream, port] of [
      [`KV_${subjects.lease}`, 9003],
      [subjects.streams.endpoints, 9004],
    ] as const) {
      let leader: ClusterNode | undefined;
      await eventually('it has a leader', async () => {
        leader = await leaderOf(cluster, connection, stream).catch(() => undefined);
        return leader !== undefined;
      });
      await leader?.part.kill('SIGKILL');
      isLeaving = true;
      await published('9001');
      await leader?.part.restart();
      leaves = proxyAt(port);
      isLeaving = false;
      await published(`9001,${port}`);
    }
    for (const name of [`KV_${subjects.lease}`, ...Object.values(subjects.streams)]) {
      let replicas: number | undefined;
      // The API's own leader may have been on the node that was killed: no leader, no answer.
      await eventually(`${name} is told of`, async () => {
        replicas = await replicasOf(connection, name).catch(() => undefined);
        return replicas !== undefined;
      });
      expect(replicas, name).toBe(3);
    }
    expect(heard.map(({ endpoints }) => endpoints.length)).not.toContain(0);
  },
  CLUSTER_TIMEOUT_MS,
);

// F35 to F38: those who write the log, and what keeps it, fail in the middle.
import type { ChangeSetResponse } from '#contracts/api/config.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import { uniqueMesh } from '#test/parts.ts';
import { connect } from 'nats';
import { expect, it } from 'vitest';
import { until } from '#test/processes.ts';
import { type Api, eventually, service, startService } from '../integration/config/support.ts';
import { isDrill } from './support/call.ts';
import { type Cluster, type ClusterNode, ownNats, startCluster } from './support/cluster.ts';
import { note } from './support/figures.ts';
import { replay } from './support/replay.ts';

const KILLS = isDrill ? 20 : 3;
const WRITERS = 4;
const CLUSTER_TIMEOUT_MS = 150_000;
/**
 * Until nats-server has leaders again. One request may wait 15 s for it before it gives up, so that
 * less than this would be but two tries.
 */
const ELECTED_MS = 60_000;

/** Writes one change-set after the other until told to stop; each again until it is answered. */
class Writing {
  readonly acknowledged: string[] = [];
  readonly unexpected: string[] = [];
  #stopped = false;
  readonly #loops: Promise<void>[];

  constructor(api: Api) {
    this.#loops = Array.from({ length: WRITERS }, (_, writer) => this.#loop(api, writer));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
  }

  async #loop(api: Api, writer: number): Promise<void> {
    for (let number = 0; !this.#stopped; number++) {
      const body = { upserts: [service(`w${writer}`, 1 + (number % 60_000))], author: 'ann' };
      const headers = { 'idempotency-key': `w${writer}-${number}` };
      for (;;) {
        const answer = await api.post<ChangeSetResponse>('/v1/changesets', body, headers);
        if (answer.status === 503 && !this.#stopped) continue;
        if (answer.status < 300) this.acknowledged.push(answer.body.id);
        else if (answer.status !== 503) this.unexpected.push(JSON.stringify(answer.body));
        break;
      }
    }
  }
}

it(
  'F37: nats-server killed while publishing: every acknowledged revision is there, once',
  async () => {
    const nats = await ownNats();
    const mesh = uniqueMesh();
    const config = await startService(mesh, { natsUrl: nats.address });
    await config.ready;
    const writing = new Writing(config.api);
    for (let kill = 0; kill < KILLS; kill++) {
      const before = writing.acknowledged.length;
      await eventually('writes go on', () => writing.acknowledged.length > before + 10);
      await nats.kill('SIGKILL');
      await nats.restart();
    }
    const before = writing.acknowledged.length;
    await eventually('writes go on', () => writing.acknowledged.length > before);
    await writing.stop();
    expect(writing.unexpected).toEqual([]);
    const { state, ids } = await replay(nats.address, mesh);
    expect(writing.acknowledged.filter((id) => !ids.includes(id))).toEqual([]);
    const info = await config.api.get<{ digest: string }>('/v1/info');
    expect(info.body.digest).toBe(state.digest);
    note(
      'F37',
      `${KILLS} kills of nats-server under ${WRITERS} writers`,
      `${ids.length} revisions`,
    );
  },
  isDrill ? 600_000 : CLUSTER_TIMEOUT_MS,
);

async function leaderOf({ nodes, url }: Cluster, mesh: string): Promise<ClusterNode> {
  const connection = await connect({ servers: url.split(',') });
  try {
    const manager = await connection.jetstreamManager();
    const info = await manager.streams.info(meshSubjects(mesh).streams.config);
    const leader = nodes.find(({ name }) => name === info.cluster?.leader);
    if (leader === undefined) throw new Error('the stream has no leader');
    return leader;
  } finally {
    await connection.close();
  }
}

/** A change-set that is repeated until it is stored, as a careful client does. */
async function writeInTheEnd(api: Api, port: number): Promise<string> {
  let id = '';
  const what = `the change-set of port ${port} is stored`;
  const isStored = async (): Promise<boolean> => {
    const body = { upserts: [service('a', port)] };
    const headers = { 'idempotency-key': `port-${port}` };
    const answer = await api.post<ChangeSetResponse>('/v1/changesets', body, headers);
    id = answer.body.id;
    return answer.status < 300;
  };
  await until(what, isStored, ELECTED_MS);
  return id;
}

it(
  'F38: three nodes, the leader cut off and back: one log, nothing acknowledged is lost',
  async () => {
    const cluster = await startCluster();
    const mesh = uniqueMesh();
    const config = await startService(mesh, { natsUrl: cluster.url, replicas: 3 });
    await config.ready;
    const acknowledged = [await writeInTheEnd(config.api, 1)];
    const leader = await leaderOf(cluster, mesh);
    const others = cluster.nodes.filter((node) => node !== leader);
    // Its clients hang on it, and when it goes on it takes itself for the leader still.
    await leader.part.kill('SIGSTOP');
    const onTwo = await startService(mesh, {
      natsUrl: others.map(({ part }) => part.address).join(','),
      replicas: 3,
    });
    await onTwo.ready;
    acknowledged.push(await writeInTheEnd(onTwo.api, 2));
    await leader.part.kill('SIGCONT');
    acknowledged.push(await writeInTheEnd(config.api, 3), await writeInTheEnd(onTwo.api, 4));
    const { ids } = await replay(cluster.url, mesh);
    expect(acknowledged.filter((id) => !ids.includes(id))).toEqual([]);
  },
  CLUSTER_TIMEOUT_MS,
);

it(
  'F38: one node of three left: nothing is acknowledged, and all is there when they are back',
  async () => {
    const cluster = await startCluster();
    const mesh = uniqueMesh();
    const config = await startService(mesh, { natsUrl: cluster.url, replicas: 3 });
    await config.ready;
    const first = await writeInTheEnd(config.api, 1);
    const [, second, third] = cluster.nodes;
    await Promise.all([second?.part.kill('SIGKILL'), third?.part.kill('SIGKILL')]);
    const alone = await config.api.post('/v1/changesets', { upserts: [service('a', 2)] });
    expect(alone.status).toBe(503);
    expect((await config.api.get('/v1/resources')).status).toBe(200);
    await Promise.all([second?.part.restart(), third?.part.restart()]);
    const last = await writeInTheEnd(config.api, 3);
    const { ids } = await replay(cluster.url, mesh);
    expect(ids).toEqual(expect.arrayContaining([first, last]));
  },
  CLUSTER_TIMEOUT_MS,
);

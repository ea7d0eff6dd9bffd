// One change to very many proxies: until the last receipt, until the last one has an endpoint less,
// until all are there again after NATS was away; and the whole state pushed to each instead.
import type { Heartbeat, Receipt } from '#contracts/events.ts';
import type { ProxyGrant } from '#contracts/signing.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import { VERSION } from '#contracts/version.ts';
import { encodeJson } from '#platform/nats.ts';
import type { Plant } from './plant.ts';
import { pushSubject, pushedSubject } from './subscribers.ts';
import { nowMs, quantile } from './time.ts';
import { SERVICE, changeSets, editOf } from './world.ts';

/** What the wall clock is ahead of `nowMs`. */
const WALL_BEFORE_MS = Date.now() - nowMs();

export interface Commits {
  /**
   * From the change-set's own time, which is that of its last check before it is published, to the
   * last receipt; one of each commit.
   */
  lastMs: number[];
  /** The same from the request on. */
  requestMs: number[];
  /** From the change-set's own time to the receipt in the middle. */
  middleMs: number[];
}

/** Edits one route so many times, each waiting for everybody. */
export async function measureCommits(
  plant: Plant,
  { proxies, routes, commits }: { proxies: number; routes: number; commits: number },
): Promise<Commits> {
  const measured: Commits = { lastMs: [], requestMs: [], middleMs: [] };
  const warmUp = Math.min(5, commits);
  for (let number = -warmUp; number < commits; number++) {
    const startedMs = nowMs();
    const sequence = await plant.write([editOf(number + warmUp, routes)]);
    const { atMs, receipts } = await plant.answers(sequence, proxies);
    if (number < 0) continue;
    const committedMs = Math.min(...receipts.map(committedIn)) - WALL_BEFORE_MS;
    const times = [...atMs.values()];
    measured.lastMs.push(Math.max(...times) - committedMs);
    measured.requestMs.push(Math.max(...times) - startedMs);
    measured.middleMs.push(quantile(times, 0.5) - committedMs);
  }
  return measured;
}

/** Wall clock, ms. */
function committedIn({ time, lagMs }: Receipt): number {
  return Date.parse(time) - lagMs;
}

/** From a sidecar's goodbye to the last proxy that no longer has its endpoint, ms. */
export async function measureRemovals(plant: Plant, rounds: number): Promise<number[]> {
  const measured: number[] = [];
  const [keeper, leaver] = ['keeper', 'leaver'];
  const kept = plant.endpoints(1);
  beat(plant, keeper, 'up');
  await kept;
  for (let round = 0; round < rounds; round++) {
    const there = plant.endpoints(2);
    beat(plant, `${leaver}${round}`, 'up');
    await there;
    beat(plant, keeper, 'up');
    const gone = plant.endpoints(1);
    const startedMs = nowMs();
    beat(plant, `${leaver}${round}`, 'goodbye');
    measured.push(Math.max(...(await gone)) - startedMs);
  }
  beat(plant, keeper, 'goodbye');
  return measured;
}

function beat({ mesh, connection, signer }: Plant, proxy: string, state: Heartbeat['state']): void {
  const heartbeat: Heartbeat = {
    ...{ mesh, proxy, instance: `${proxy}-1`, role: 'sidecar', state, version: VERSION },
    ...{ workload: SERVICE, zone: '', labels: {}, workers: 1, logDigest: '' },
    revision: { epoch: 1, sequence: 0 },
    startedAt: new Date(Date.now() - 1_000).toISOString(),
    time: new Date().toISOString(),
    grant: signer.sign<ProxyGrant>('grant', {
      mesh,
      proxy,
      service: SERVICE,
      cidrs: ['10.9.0.0/24'],
    }),
    ...(state === 'up'
      ? { announces: { service: SERVICE, address: addressOf(proxy), port: 8_080 } }
      : {}),
  };
  connection.publish(meshSubjects(mesh).heartbeat(proxy), encodeJson(heartbeat));
}

function addressOf(proxy: string): string {
  return `10.9.0.${(Number(/\d+$/.exec(proxy)?.[0] ?? 200) % 250) + 1}`;
}

export interface Reconnect {
  /** From the moment that nats-server answers again to the last proxy's receipt. */
  backMs: number;
  /** From the request for a change made right then to the last receipt for it. */
  changeMs: number;
}

/** Ends nats-server with kill -9, starts it again, and changes a route as soon as possible. */
export async function measureReconnect(
  plant: Plant,
  { proxies, routes, round }: { proxies: number; routes: number; round: number },
): Promise<Reconnect> {
  await plant.nats.kill('SIGKILL');
  await plant.nats.restart();
  const startedMs = nowMs();
  await plant.linked();
  await plant.serviceReady();
  const requestedMs = nowMs();
  const sequence = await plant.write([editOf(100_000 + round, routes)]);
  const { atMs } = await plant.answers(sequence, proxies);
  const lastMs = Math.max(...atMs.values());
  return { backMs: lastMs - startedMs, changeMs: lastMs - requestedMs };
}

export interface Pushes {
  subscribers: number;
  /** Of the whole state, for each subscriber and change. */
  bytes: number;
  /** From publishing to the last answer, one of each push. */
  lastMs: number[];
  /** Pushes that somebody did not answer in time: nats-server cuts slow readers off. */
  missed: number;
}

const CHUNK_BYTES = 512 * 1024;
const PUSH_TIMEOUT_MS = 30_000;

/**
 * The whole state to each: the least that a push of everything costs, for nothing is compiled and
 * nothing stored; each reads it, works out its digest and answers.
 */
export async function measurePushes(
  plant: Plant,
  { subscribers, routes, rounds }: { subscribers: number; routes: number; rounds: number },
): Promise<Pushes> {
  const { connection, mesh } = plant;
  const state = [...changeSets(routes, plant.port)].flat();
  const body = Buffer.from(JSON.stringify(state));
  const pushes: Pushes = { subscribers, bytes: body.byteLength, lastMs: [], missed: 0 };
  const answered: number[][] = [];
  const answers = connection.subscribe(pushedSubject(mesh), {
    callback: (_error, { data }) => {
      const { round } = JSON.parse(Buffer.from(data).toString()) as { round: number };
      answered[round]?.push(nowMs());
    },
  });
  for (let round = 0; round < rounds; round++) {
    const atMs: number[] = [];
    answered.push(atMs);
    const startedMs = nowMs();
    for (let from = 0; from < body.length; from += CHUNK_BYTES) {
      connection.publish(pushSubject(mesh), body.subarray(from, from + CHUNK_BYTES));
    }
    connection.publish(pushSubject(mesh), String(round));
    while (atMs.length < subscribers && nowMs() - startedMs < PUSH_TIMEOUT_MS) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    pushes.missed += subscribers - atMs.length;
    pushes.lastMs.push(Math.max(...atMs) - startedMs);
  }
  answers.unsubscribe();
  return pushes;
}

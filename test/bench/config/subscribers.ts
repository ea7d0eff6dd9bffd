// A process of many proxies without traffic: each has a connection, a link and a state of its own,
// and does with every event what a proxy does, but for the compile.
import type { ServiceEndpoints } from '#contracts/events.ts';
import type { Resource } from '#contracts/resources/index.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import { systemClock } from '#platform/clock.ts';
import { EventChain } from '#platform/config-log/chain.ts';
import { LogReader } from '#platform/config-log/reader.ts';
import { createLog } from '#platform/log.ts';
import { connectNats, encodeJson } from '#platform/nats.ts';
import { Trust } from '#platform/signing.ts';
import { MeshState } from '#platform/state.ts';
import type { Applied, Target } from '#proxy/fleet.ts';
import { Alarms } from '#proxy/snapshot/alarms.ts';
import { Applier } from '#proxy/snapshot/applier.ts';
import { ConfigLink } from '#proxy/snapshot/link.ts';
import type { NatsConnection } from 'nats';
import { nowMs } from './time.ts';

export interface SubscribersOrder {
  natsUrl: string;
  mesh: string;
  /** PEM: whose signatures are believed. */
  trust: string;
  /** Numbers of the first and of all of them. */
  first: number;
  count: number;
}

export type FromSubscribers =
  | { type: 'listening' }
  /** All of them know of so many endpoints of the service since then. */
  | { type: 'endpoints'; count: number; atMs: number }
  | { type: 'failed'; why: string };

/** What ends a pushed state is the number of the push, and shorter than any piece of a state. */
export const PUSH_END_BYTES_MAX = 16;

/** One of these subjects for each process keeps pushed states apart from the mesh's own. */
export const pushSubject = (mesh: string): string => `bench.${mesh}.push`;
export const pushedSubject = (mesh: string): string => `bench.${mesh}.pushed`;

const log = createLog({ service: 'bench', level: 'error' });

/** Serves nothing, at once. */
const NOTHING: Target = {
  apply: (): Promise<Applied> => Promise.resolve({ problems: [], applyMs: 0 }),
  onProblems: () => undefined,
};

/** Counts those that have heard of a number of endpoints; the last one is news. */
class EndpointCount {
  readonly #all: number;
  readonly #heard = new Map<number, number>();

  constructor(all: number) {
    this.#all = all;
  }

  hear({ endpoints }: ServiceEndpoints): void {
    const heard = (this.#heard.get(endpoints.length) ?? 0) + 1;
    this.#heard.set(endpoints.length, heard);
    if (heard < this.#all) return;
    this.#heard.clear();
    send({ type: 'endpoints', count: endpoints.length, atMs: nowMs() });
  }
}

process.on('disconnect', () => process.exit());
process.once('message', (order: SubscribersOrder) => {
  listen(order).then(
    () => send({ type: 'listening' }),
    (error: unknown) => send({ type: 'failed', why: String(error) }),
  );
});

async function listen(order: SubscribersOrder): Promise<void> {
  const connections = await connectAll(order);
  const [reader] = connections;
  if (reader === undefined) return;
  const trust = new Trust([{ pem: order.trust, from: 'the key of the mesh' }]);
  const base = await readLog(reader, order.mesh, trust);
  const count = new EndpointCount(order.count);
  for (const [at, connection] of connections.entries()) {
    await startOne(order, order.first + at, connection, { base, trust, count });
  }
  takePushes(order.mesh, connections);
}

/** A few at a time: the server's queue of connections is not what is measured here. */
async function connectAll({ natsUrl, first, count }: SubscribersOrder): Promise<NatsConnection[]> {
  const connections: NatsConnection[] = [];
  while (connections.length < count) {
    const some = Math.min(32, count - connections.length);
    const from = first + connections.length;
    const made = Array.from({ length: some }, (_, at) =>
      connectNats({ url: natsUrl, name: nameOf(from + at), log }),
    );
    connections.push(...(await Promise.all(made)));
  }
  return connections;
}

function nameOf(number: number): string {
  return `p${number}`;
}

/** The state that all of them start from, as from a snapshot on disk. */
async function readLog(connection: NatsConnection, mesh: string, trust: Trust): Promise<MeshState> {
  const chain = new EventChain(mesh, { trust });
  const reader = new LogReader({
    connection,
    stream: meshSubjects(mesh).streams.config,
    into: {
      get lastSequence(): number {
        return chain.lastSequence;
      },
      ingest: (sequence, data) => {
        chain.take(sequence, data);
      },
      passOver: (sequence) => chain.passOver(sequence),
    },
  });
  await reader.catchUp();
  if (chain.broken !== undefined) throw new Error(chain.broken);
  return chain.state;
}

async function startOne(
  { mesh }: SubscribersOrder,
  number: number,
  connection: NatsConnection,
  { base, trust, count }: { base: MeshState; trust: Trust; count: EndpointCount },
): Promise<void> {
  const proxy = nameOf(number);
  const links: ConfigLink[] = [];
  const alarms = new Alarms(systemClock, log);
  const applier = new Applier({
    ...{ mesh, fleet: NOTHING, clock: systemClock, log, trust },
    refused: (sentence) => alarms.refused('event', sentence, { proxy }),
    verdict: (verdict) => links[0]?.tell(verdict),
    applied: () => links[0]?.changed(),
  });
  await applier.restore(base.clone(), 1);
  const link = new ConfigLink({
    ...{ connection, applier, clock: systemClock, random: Math.random, log, workers: 1 },
    ...{ trust, alarms },
    identity: {
      ...{ mesh, proxy, instance: `${proxy}-1`, role: 'gateway' },
      ...{ workload: '', zone: '', labels: {} },
    },
    endpoints: (announced) => count.hear(announced),
    announces: () => undefined,
  });
  links.push(link);
  link.start();
}

/** The other way to tell a change: the whole state, to each of them. */
function takePushes(mesh: string, connections: readonly NatsConnection[]): void {
  for (const connection of connections) {
    const parts: Uint8Array[] = [];
    connection.subscribe(pushSubject(mesh), {
      callback: (error, message) => {
        if (error !== null) return;
        // The client uses its memory again.
        parts.push(message.data.slice());
        if (message.data.length > PUSH_END_BYTES_MAX) return;
        const round = Number(Buffer.from(parts.pop() ?? []).toString());
        const resources = JSON.parse(Buffer.concat(parts).toString()) as Resource[];
        parts.length = 0;
        const state = new MeshState();
        state.apply({ sequence: 1, time: '', upserts: resources, deletes: [] });
        const { digest } = state;
        connection.publish(pushedSubject(mesh), encodeJson({ round, digest }));
      },
    });
  }
}

function send(message: FromSubscribers): void {
  process.send?.(message);
}

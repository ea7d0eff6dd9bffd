import { once } from 'node:events';
import { type Socket, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { type KafkaOptions, startKafka } from '#local/kafka/broker.ts';
import { fetchKafka } from '#local/kafka/fetch.ts';
import type { RunningPart } from '#local/part.ts';
import { DEFAULT_CACHE_DIR } from '#local/parts.ts';
import { freeList } from '#local/ports.ts';
import { silent } from '#local/progress.ts';
import { tempDir } from '#test/parts.ts';
import { onTestFinished } from 'vitest';

type More = Partial<Pick<KafkaOptions, 'advertisedPort'>>;

/** A broker of one test's own, which may kill it; ended after the test. */
async function startOne(place: Omit<KafkaOptions, 'program' | 'env' | 'logFile'>) {
  const { env } = process;
  const program = await fetchKafka({ cacheDir: DEFAULT_CACHE_DIR, env, progress: silent });
  const logFile = join(place.dataDir, 'log');
  const part = await startKafka({ ...place, program, env, logFile });
  onTestFinished(() => part.stop());
  return part;
}

export async function startBroker(more: More = {}): Promise<RunningPart> {
  const [port = 0, controllerPort = 0] = await freeList(2);
  return startOne({ port, controllerPort, dataDir: tempDir(), ...more });
}

/**
 * Brokers of one cluster, as nodes 1, 2, …; all may be killed but the first, which is the
 * controller as well.
 */
export async function startCluster(
  brokers: number,
  settings: Readonly<Record<string, string>> = {},
): Promise<RunningPart[]> {
  const [controllerPort = 0, port = 0, ...ports] = await freeList(1 + brokers);
  const dataDir = tempDir();
  const first = await startOne({ port, controllerPort, dataDir, settings });
  const others = ports.map((other, index) =>
    startOne({
      ...{ port: other, controllerPort, dataDir: tempDir(), settings },
      joins: { dataDir, node: index + 2 },
    }),
  );
  return [first, ...(await Promise.all(others))];
}

/** The wire between clients and a broker that is only known by the wire's address. */
export interface Wire {
  broker: RunningPart;
  address: string;
  /** The broker stores the next Produce request; its answer, and the connection, are lost. */
  loseNextAck(): void;
  /** Connections of now say nothing any more, in both directions, and are not closed. */
  muteAll(): number;
}

const PRODUCE = 0;

export async function startBrokerOnWire(): Promise<Wire> {
  const [port = 0] = await freeList(1);
  const broker = await startBroker({ advertisedPort: port });
  const target = Number(broker.address.split(':')[1]);
  const pairs = new Set<{ client: Socket; server: Socket; muted: boolean }>();
  let losing = false;
  const wire = createServer((client) => {
    const server = connect(target, '127.0.0.1');
    const pair = { client, server, muted: false };
    pairs.add(pair);
    let lost = false;
    client.on('data', (chunk: Buffer) => {
      if (pair.muted) return;
      if (losing && chunk.length > 6 && chunk.readInt16BE(4) === PRODUCE) {
        losing = false;
        lost = true;
      }
      server.write(chunk);
    });
    server.on('data', (chunk: Buffer) => {
      if (pair.muted) return;
      if (lost) client.destroy();
      else client.write(chunk);
    });
    for (const [from, to] of [[client, server] as const, [server, client] as const]) {
      from.on('error', () => to.destroy());
      from.on('close', () => {
        if (!pair.muted) to.destroy();
      });
    }
  }).listen(port, '127.0.0.1');
  onTestFinished(() => {
    for (const { client, server } of pairs) {
      client.destroy();
      server.destroy();
    }
    wire.close();
  });
  await once(wire, 'listening');
  return {
    broker,
    address: `127.0.0.1:${port}`,
    loseNextAck() {
      losing = true;
    },
    muteAll() {
      const live = [...pairs].filter(({ client, muted }) => !muted && !client.destroyed);
      for (const pair of live) pair.muted = true;
      return live.length;
    },
  };
}

// nats-server processes: one of a test's own, and three that keep every stream three times.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawnGuarded } from '#local/children.ts';
import { fetchNats } from '#local/nats/server.ts';
import { launch } from '#local/part.ts';
import { DEFAULT_CACHE_DIR, type RunningPart, freePorts, startParts } from '#local/parts.ts';
import { freeList } from '#local/ports.ts';
import { natsGreets } from '#local/probe.ts';
import { silent } from '#local/progress.ts';
import { natsConfig } from '#local/settings.ts';
import { tempDir } from '#test/parts.ts';
import { onTestFinished } from 'vitest';

const NODES = 3;
const HOST = '127.0.0.1';
const READY_TIMEOUT_MS = 30_000;

/** A nats-server that the test may take away. */
export async function ownNats(): Promise<RunningPart> {
  const { NATS_URL: _, ...env } = process.env;
  const parts = await startParts({
    ...{ dataDir: tempDir(), ports: await freePorts(), only: ['nats'], env },
  });
  onTestFinished(() => parts.stop());
  if (parts.nats === undefined) throw new Error('no NATS was started');
  return parts.nats;
}

export interface ClusterNode {
  /** As the stream's information names it. */
  name: string;
  part: RunningPart;
}

export interface Cluster {
  nodes: ClusterNode[];
  /** All addresses, as clients take them. */
  url: string;
}

/** Three nodes, ended after the test also when they stand still. */
export async function startCluster(): Promise<Cluster> {
  const program = await fetchNats({
    ...{ cacheDir: DEFAULT_CACHE_DIR, env: process.env, progress: silent },
  });
  const ports = await freeList(NODES * 2);
  const routes = ports.slice(NODES).map((port) => `"nats://${HOST}:${port}"`);
  const folder = tempDir();
  const nodes = await Promise.all(
    ports.slice(0, NODES).map(async (port, at) => {
      const name = `node-${at}`;
      const dataDir = join(folder, name);
      mkdirSync(dataDir);
      const config = `${natsConfig({ listen: `${HOST}:${port}`, name, storeDir: dataDir })}
cluster {
  name: windrose-test
  listen: "${HOST}:${ports[NODES + at]}"
  routes: [${routes.join(', ')}]
}
`;
      const configFile = join(dataDir, 'nats.conf');
      writeFileSync(configFile, config);
      const part = await startNode({ program, configFile, port, logFile: join(dataDir, 'log') });
      onTestFinished(async () => {
        await part.kill('SIGCONT');
        await part.stop();
      });
      return { name, part };
    }),
  );
  return { nodes, url: nodes.map(({ part }) => part.address).join(',') };
}

function startNode(at: {
  program: string;
  configFile: string;
  port: number;
  logFile: string;
}): Promise<RunningPart> {
  const { program, configFile, port, logFile } = at;
  return launch({
    name: 'nats',
    address: `nats://${HOST}:${port}`,
    ...{ logFile, ports: [port], readyTimeoutMs: READY_TIMEOUT_MS },
    spawn: () =>
      spawnGuarded({ name: 'NATS', command: program, args: ['--config', configFile], logFile }),
    probe: () => natsGreets(HOST, port),
  });
}

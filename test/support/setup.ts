import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts, startParts } from '#local/parts.ts';
import { showProgress } from '#local/progress.ts';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    natsUrl: string;
    kafkaBrokers: string;
    clickhouseUrl: string;
  }
}

const WINDROSE_DIR = fileURLToPath(new URL('../../.windrose', import.meta.url));

/**
 * Starts NATS, Kafka and ClickHouse once for all test files that need them, on free ports and in
 * a folder of this run, and ends and deletes them after the last.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  mkdirSync(WINDROSE_DIR, { recursive: true });
  removeLeftovers();
  const dataDir = join(WINDROSE_DIR, `test-${process.pid}`);
  const shown = showProgress(process.stderr);
  const parts = await startParts({
    dataDir,
    ports: await freePorts(),
    progress: shown.progress,
    died: (error) => process.stderr.write(`${error.message}\n`),
  });
  shown.end();
  project.provide('natsUrl', parts.addresses.NATS_URL ?? '');
  project.provide('kafkaBrokers', parts.addresses.KAFKA_BROKERS ?? '');
  project.provide('clickhouseUrl', parts.addresses.CLICKHOUSE_URL ?? '');
  return async () => {
    await parts.stop();
    rmSync(dataDir, { recursive: true, force: true });
  };
}

/** Deletes the folders of runs that were killed before they could. */
function removeLeftovers(): void {
  for (const name of readdirSync(WINDROSE_DIR)) {
    const pid = Number(/^test-(\d+)$/.exec(name)?.[1]);
    if (pid > 0 && !isAlive(pid)) rmSync(join(WINDROSE_DIR, name), { recursive: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // No such process.
  }
}

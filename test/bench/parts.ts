import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PartName, freePorts, startParts } from '#local/parts.ts';

/** Where a bench's own parts listen; empty for one that was not asked for. */
export interface Parts {
  broker: string;
  url: string;
  /** Of ClickHouse. */
  pid: number | undefined;
}

/** Parts of a bench's own, whatever the operator has, while it runs. */
export async function withParts<T>(
  only: readonly PartName[],
  run: (parts: Parts) => Promise<T>,
): Promise<T> {
  const dataDir = mkdtempSync(join(tmpdir(), 'windrose-bench-'));
  const { CLICKHOUSE_URL: _, KAFKA_BROKERS: __, ...env } = process.env;
  const parts = await startParts({ dataDir, ports: await freePorts(), only, env });
  const { CLICKHOUSE_URL: url = '', KAFKA_BROKERS: broker = '' } = parts.addresses;
  try {
    return await run({ broker, url, pid: parts.clickhouse?.pid });
  } finally {
    await parts.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

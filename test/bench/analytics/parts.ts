import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts, startParts } from '#local/parts.ts';

/** Where a Kafka and a ClickHouse of a bench's own listen. */
export interface Parts {
  broker: string;
  url: string;
  /** Of ClickHouse. */
  pid: number | undefined;
}

export async function withParts<T>(run: (parts: Parts) => Promise<T>): Promise<T> {
  const dataDir = mkdtempSync(join(tmpdir(), 'windrose-bench-'));
  const { CLICKHOUSE_URL: _, KAFKA_BROKERS: __, ...env } = process.env;
  const parts = await startParts({
    ...{ dataDir, ports: await freePorts(), only: ['clickhouse', 'kafka'], env },
  });
  const { CLICKHOUSE_URL: url = '', KAFKA_BROKERS: broker = '' } = parts.addresses;
  try {
    return await run({ broker, url, pid: parts.clickhouse?.pid });
  } finally {
    await parts.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

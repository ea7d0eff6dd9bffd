import { randomBytes } from 'node:crypto';
import { METRIC_WINDOW_MS, bucketOf } from '#contracts/metrics.ts';
import { TABLES, meshDatabase } from '#contracts/tables.ts';
import { type ClickHouse, connectClickHouse } from '#platform/clickhouse.ts';
import { clickhouseUrl } from '#test/parts.ts';
import { MIGRATIONS } from '../../../services/analytics/schema/migrations.ts';

/** Some requests of one metric window that ended alike. */
export interface Requests {
  timeMs: number;
  source: string;
  destination: string;
  statusClass: string;
  requests: number;
  route?: string;
  consumer?: string;
  /** 1 ms unless said otherwise. */
  durationUs?: number;
}

/** As ClickHouse reads it in a UTC column. */
export function sqlTime(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
}

/**
 * Plays one proxy's metric stream into a mesh's real tables: rows through the landing table and
 * its views, then a line in the ledger, as analytics stores a block.
 */
export class Feed {
  readonly clickhouse: ClickHouse;
  readonly #instance = randomBytes(4).toString('hex');
  #seq = 0;

  private constructor(clickhouse: ClickHouse) {
    this.clickhouse = clickhouse;
  }

  static async create(mesh: string): Promise<Feed> {
    const clickhouse = connectClickHouse({ url: clickhouseUrl(), database: meshDatabase(mesh) });
    await clickhouse.createDatabase();
    for (const migration of MIGRATIONS) {
      for (const statement of migration.statements()) await clickhouse.command(statement);
    }
    return new Feed(clickhouse);
  }

  /** One block: complete up to the end of its newest window. */
  async send(all: readonly Requests[]): Promise<void> {
    this.#seq++;
    const token = `${this.#instance}-${this.#seq}`;
    await this.clickhouse.insertRows(TABLES.metrics, all.map(this.#row), token);
    const newestMs = Math.max(...all.map(({ timeMs }) => timeMs)) + METRIC_WINDOW_MS;
    const block = {
      stream: 'metrics',
      proxy: 'orders-1',
      instance: this.#instance,
      seq: this.#seq,
      rows: all.length,
      max_time: sqlTime(newestMs),
      time: sqlTime(newestMs),
    };
    await this.clickhouse.insertRows(TABLES.blocks, [block], `block-${token}`);
  }

  async stop(): Promise<void> {
    await this.clickhouse.command(`DROP DATABASE IF EXISTS ${this.clickhouse.database}`);
    await this.clickhouse.close();
  }

  readonly #row = (each: Requests): object => ({
    time: sqlTime(each.timeMs),
    proxy: 'orders-1',
    instance: this.#instance,
    role: 'sidecar',
    direction: 'outbound',
    log_epoch: 1,
    revision: 1,
    source: each.source,
    destination: each.destination,
    route: each.route ?? '',
    consumer: each.consumer ?? '',
    status_class: each.statusClass,
    reason: 'ok',
    requests: each.requests,
    duration_us_sum: each.requests * (each.durationUs ?? 1_000),
    durations: { [bucketOf(each.durationUs ?? 1_000)]: each.requests },
  });
}

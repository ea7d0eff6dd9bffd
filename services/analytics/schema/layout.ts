import { ROLLUPS, TABLES } from '#contracts/tables.ts';

/**
 * How many of the latest inserts a table knows by their token. A retried insert is dropped only
 * within this window, so it must cover all inserts of the longest outage of a consumer: at two
 * inserts a second for each of twelve partitions, 10 000 are seven minutes of every partition.
 */
export const DEDUPLICATION_WINDOW = 10_000;
/**
 * For how long replicated tables know a token, in seconds: a week, whereas the default is an hour.
 * Kafka keeps a range for three days, so no range comes again that ClickHouse has forgotten.
 */
const DEDUPLICATION_SECONDS = 7 * 86_400;

type Engine = 'MergeTree' | 'AggregatingMergeTree';

/** Where the rows of the tables stand: on one server, or on each shard of a cluster. */
export interface Layout {
  /** Behind the name in a statement that changes the schema. */
  onCluster: string;
  /** The table that holds the rows of `table`; a view reads and fills those of its own server. */
  local(table: string): string;
  /** With its arguments. */
  engine(kind: Engine, table: string): string;
  /** Table settings by which the token of an insert is known again. */
  deduplication: string;
  /** Whether rows of an older schema may be there to be carried over. */
  mayHoldOlder: boolean;
  /** The table of that name over all shards; nothing on one server. */
  spread(table: string): string[];
  /** Of a table that is small and whole on every server. */
  wholeEngine(table: string): string;
}

export const ONE_SERVER: Layout = {
  onCluster: '',
  local: (table) => table,
  engine: (kind) => kind,
  deduplication: `non_replicated_deduplication_window = ${DEDUPLICATION_WINDOW}`,
  mayHoldOlder: true,
  spread: () => [],
  wholeEngine: () => 'MergeTree',
};

/**
 * Replicated tables `…_local` on every server under Distributed ones that have the plain names, so
 * that whoever reads and whoever stores uses the same names as on one server. `cluster` is a name
 * of `remote_servers`, or a macro such as `{cluster}`. See decisions/0002-tables-on-a-cluster.md.
 */
export function clusterLayout(cluster: string, database: string): Layout {
  const name = quoted(cluster);
  const onCluster = ` ON CLUSTER ${name}`;
  const local = (table: string): string => `${table}_local`;
  return {
    onCluster,
    local,
    engine: (kind, table) =>
      `Replicated${kind}('/clickhouse/tables/{shard}/${database}/${table}', '{replica}')`,
    deduplication:
      `replicated_deduplication_window = ${DEDUPLICATION_WINDOW}, ` +
      `replicated_deduplication_window_seconds = ${DEDUPLICATION_SECONDS}`,
    mayHoldOlder: false,
    spread: (table) => [
      `CREATE TABLE IF NOT EXISTS ${table}${onCluster} AS ${local(table)}\n` +
        `ENGINE = Distributed(${name}, '${database}', '${local(table)}', ${shardKey(table)})`,
    ],
    wholeEngine: (table) =>
      `ReplicatedMergeTree('/clickhouse/tables/all/${database}/${table}', '{shard}-{replica}')`,
  };
}

/**
 * A service's rows stand together, of both sides of a call; a group of a rollup then stands on one
 * shard. The ledger has no service: the blocks of one instance stand together, and heartbeats those
 * of a proxy.
 */
function shardKey(table: string): string {
  const columns: Readonly<Record<string, string>> = {
    [TABLES.blocks]: 'instance',
    [ROLLUPS.proxies.table]: 'proxy',
  };
  return `cityHash64(${columns[table] ?? 'destination'})`;
}

/** As a literal of SQL. */
export function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

import { meshDatabase } from '#contracts/tables.ts';
import { migrationsTable } from './apply.ts';
import { ONE_SERVER, clusterLayout, quoted } from './layout.ts';
import type { Migration } from './migrations.ts';
import { DEFAULT_RETENTION, type Retention, retentionSql } from './retention.ts';

export interface PrintOptions {
  mesh: string;
  /** Undefined: for one server, as the service makes it by itself. */
  cluster?: string | undefined;
  retention: Retention;
  migrations: readonly Migration[];
}

const UNTESTED =
  '-- NOT TESTED on a cluster: checked for syntax only, by the parser of ClickHouse.';

/** The statements of `schemaText`, in order. Each may run twice without harm. */
export function schemaStatements(options: PrintOptions): string[] {
  const { cluster, mesh, migrations, retention } = options;
  const database = meshDatabase(mesh);
  const layout = cluster === undefined ? ONE_SERVER : clusterLayout(cluster, database);
  const versions = migrations.map(({ name, version }) => `  (${version}, ${quoted(name)})`);
  return [
    `CREATE DATABASE IF NOT EXISTS ${database}${layout.onCluster}`,
    `USE ${database}`,
    migrationsTable(layout),
    ...migrations.flatMap(({ statements }) => statements(layout)),
    ...[...retention]
      .filter(([table, days]) => DEFAULT_RETENTION.get(table) !== days)
      .map(([table, days]) => retentionSql(table, days, layout)),
    `INSERT INTO migrations (version, name)
SELECT version, name FROM VALUES('version UInt32, name String',
${versions.join(',\n')}
) WHERE version NOT IN (SELECT version FROM migrations)`,
  ];
}

/**
 * The schema as SQL that an operator reviews and gives to clickhouse-client: on a fresh database
 * the whole of it, on an older one what it lacks.
 */
export function schemaText(options: PrintOptions): string {
  const { cluster, mesh } = options;
  const head = [
    ...(cluster === undefined ? [] : [UNTESTED]),
    `-- Windrose: tables of mesh ${mesh}, ` +
      (cluster === undefined ? 'on one server.' : `on cluster ${cluster}.`),
    '-- Each statement may run twice without harm; run all of them after an upgrade.',
  ];
  const statements = schemaStatements(options).map((statement) => `${statement.trim()};`);
  return `${[head.join('\n'), ...statements].join('\n\n')}\n`;
}

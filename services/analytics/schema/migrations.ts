import { TABLES } from '#contracts/tables.ts';
import type { Layout } from './layout.ts';
import {
  blocksTable,
  hourStatements,
  metricsTable,
  proxiesStatements,
  recordCodecs,
  recordFields,
  recordMerges,
  recordsTable,
  rollupStatements,
} from './tables.ts';

/**
 * One step of the schema. Steps only go forward, are never edited once released, and each of their
 * statements may run twice without harm: a start that was interrupted simply runs it again.
 */
export interface Migration {
  version: number;
  name: string;
  /** For one server (the default), or for a cluster. */
  statements: (layout?: Layout) => string[];
}

export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: 'records, rollups and the ledger of blocks',
    statements: (layout) => [
      recordsTable(layout),
      metricsTable(layout),
      ...rollupStatements(layout),
      blocksTable(layout),
      ...[TABLES.records, TABLES.metrics, TABLES.blocks].flatMap(
        (table) => layout?.spread(table) ?? [],
      ),
    ],
  },
  { version: 2, name: 'rollups by the hour', statements: hourStatements },
  {
    version: 3,
    name: 'records compressed by ZSTD',
    statements: (layout) => [recordCodecs(layout)],
  },
  { version: 4, name: 'fields of a TelemetryPolicy', statements: recordFields },
  { version: 5, name: 'heartbeats of proxies', statements: proxiesStatements },
  { version: 6, name: 'records merged less often', statements: recordMerges },
];

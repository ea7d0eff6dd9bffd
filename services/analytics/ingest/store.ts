import { METRIC_COLUMNS } from '#contracts/metrics.ts';
import { type Column, RECORD_COLUMNS } from '#contracts/record.ts';
import { type Stream, TABLES } from '#contracts/tables.ts';
import { type ClickHouse, ClickHouseFailure } from '#platform/clickhouse.ts';
import type { Block } from './block.ts';
import { mergeBlocks } from './merge.ts';

const TABLE = { access: TABLES.records, metrics: TABLES.metrics } as const;
const COLUMNS: Record<Stream, readonly Column[]> = {
  access: RECORD_COLUMNS,
  metrics: METRIC_COLUMNS,
};

export interface Refused {
  block: Block;
  reason: string;
}

/**
 * Inserts the rows of blocks as one insert under one token. ClickHouse parses an insert whole
 * before it stores any of it, so one block that it cannot read stops all: then each is tried
 * alone, without storing it, those that fail are returned, and the others are inserted. Rejects
 * with a ClickHouseFailure when the insert failed for another reason; then a second try with the
 * same blocks and token is safe.
 */
export async function storeBlocks(
  clickhouse: ClickHouse,
  stream: Stream,
  blocks: readonly Block[],
  token: string,
): Promise<Refused[]> {
  const insert = async (some: readonly Block[]): Promise<void> => {
    const bodies = some.flatMap(({ body }) => (body.length > 0 ? [body] : []));
    if (bodies.length === 0) return;
    await clickhouse.insertNative(TABLE[stream], mergeBlocks(bodies, COLUMNS[stream]), token);
  };
  try {
    await insert(blocks);
    return [];
  } catch (error) {
    if (!(error instanceof ClickHouseFailure) || error.kind !== 'refused') throw error;
    const refused = await findUnreadable(clickhouse, stream, blocks);
    if (refused.length === 0) throw error;
    await insert(blocks.filter((block) => !refused.some((each) => each.block === block)));
    return refused;
  }
}

async function findUnreadable(
  clickhouse: ClickHouse,
  stream: Stream,
  blocks: readonly Block[],
): Promise<Refused[]> {
  const structure = COLUMNS[stream].map(({ name, wire }) => `${name} ${wire}`).join(', ');
  const nowhere = `FUNCTION null('${structure.replaceAll("'", "\\'")}')`;
  const refused: Refused[] = [];
  for (const block of blocks) {
    if (block.body.length === 0) continue;
    try {
      await clickhouse.insertNative(nowhere, [block.body], '');
    } catch (error) {
      if (!(error instanceof ClickHouseFailure) || error.kind !== 'refused') throw error;
      if (OVERLOADED.has(error.type ?? '')) throw error;
      // A server that refuses nothing at all as well (a wrong password, no such database, shutting
      // down) says nothing of the block: this rejects, and the whole insert is tried again.
      await clickhouse.insertNative(nowhere, [], '');
      refused.push({ block, reason: error.message });
    }
  }
  return refused;
}

/** Refusals that speak of the server's load: the same block may well be taken a moment later. */
const OVERLOADED: ReadonlySet<string> = new Set([
  'MEMORY_LIMIT_EXCEEDED',
  'TOO_MANY_SIMULTANEOUS_QUERIES',
  'TIMEOUT_EXCEEDED',
  'QUERY_WAS_CANCELLED',
  'CANNOT_SCHEDULE_TASK',
  'NOT_ENOUGH_SPACE',
]);

import { type Stream, TABLES } from '#contracts/tables.ts';
import { type ClickHouse, ClickHouseFailure } from '#platform/clickhouse.ts';
import { type Block, columnsOf } from './block.ts';
import { isWhole, mergeBlocks } from './merge.ts';

const TABLE = { access: TABLES.records, metrics: TABLES.metrics } as const;

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
    const bodies = bodiesOf(stream, some);
    if (bodies.length > 0) await clickhouse.insertNative(TABLE[stream], bodies, token);
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

/** One schema after the other: ClickHouse takes a Native block by the names of its columns. */
function bodiesOf(stream: Stream, blocks: readonly Block[]): Buffer[] {
  const bySchema = new Map<number, Buffer[]>();
  for (const { body, headers } of blocks) {
    if (body.length === 0) continue;
    const bodies = bySchema.get(headers.schema);
    if (bodies === undefined) bySchema.set(headers.schema, [body]);
    else bodies.push(body);
  }
  return [...bySchema].flatMap(([schema, bodies]) =>
    mergeBlocks(bodies, columnsOf(stream, schema) ?? []),
  );
}

async function findUnreadable(
  clickhouse: ClickHouse,
  stream: Stream,
  blocks: readonly Block[],
): Promise<Refused[]> {
  const refused: Refused[] = [];
  for (const block of blocks) {
    if (block.body.length === 0) continue;
    const nowhere = nowhereFor(stream, block);
    try {
      await clickhouse.insertNative(nowhere, [block.body], '');
    } catch (error) {
      if (!(error instanceof ClickHouseFailure) || error.kind !== 'refused') throw error;
      // A count that is a lie asks for more memory than there is: only a whole block may wait.
      const columns = columnsOf(stream, block.headers.schema) ?? [];
      if (OVERLOADED.has(error.type ?? '') && isWhole(block.body, columns)) throw error;
      // A server that refuses nothing at all as well (a wrong password, no such database, shutting
      // down) says nothing of the block: this rejects, and the whole insert is tried again.
      await clickhouse.insertNative(nowhere, [], '');
      refused.push({ block, reason: error.message });
    }
  }
  return refused;
}

/** A table function that reads such blocks and keeps nothing. */
function nowhereFor(stream: Stream, { headers }: Block): string {
  const columns = columnsOf(stream, headers.schema) ?? [];
  const structure = columns.map(({ name, wire }) => `${name} ${wire}`).join(', ');
  return `FUNCTION null('${structure.replaceAll("'", "\\'")}')`;
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

import { type Stream, TABLES } from '#contracts/tables.ts';
import type { BlockHeaders } from '#contracts/topics.ts';
import type { ClickHouse } from '#platform/clickhouse.ts';
import { type Block, NEWEST_MS, OLDEST_MS } from './block.ts';
import { SequenceSet } from './sequences.ts';
import { type Range, tokenOf } from './intent.ts';

/** More workers than this are not remembered at once; forgotten ones are looked up again. */
const WORKERS_MAX = 20_000;

interface Run {
  instance: string;
  worker: number;
  first: number;
  last: number;
}

/** Runs of consecutive numbers, so that a worker of a million blocks is one row. */
const RUNS_SQL = `
SELECT instance, worker, min(seq) AS first, max(seq) AS last
FROM (
  SELECT
    instance, worker, seq,
    toInt64(seq) - toInt64(row_number() OVER (PARTITION BY instance, worker ORDER BY seq)) AS run
  FROM (
    SELECT DISTINCT instance, worker, seq FROM ${TABLES.blocks}
    WHERE stream = {stream: String} AND instance IN {instances: Array(String)}
  )
)
GROUP BY instance, worker, run`;

/** What is stored of the workers of some blocks; right as long as their partition is held. */
export interface Known {
  stored(headers: BlockHeaders): boolean;
}

/**
 * Which blocks are stored. ClickHouse has the truth (table `blocks`); what was asked of it is
 * remembered until an assignment begins, since only the holder of a partition stores its blocks.
 */
export class Ledger {
  readonly #clickhouse: ClickHouse;
  #sets = new Map<string, SequenceSet>();

  constructor(clickhouse: ClickHouse) {
    this.#clickhouse = clickhouse;
  }

  /** To be called on every assignment: another member may have stored blocks since. */
  forget(): void {
    // A new map: what a question under way still answers is of before, and must not be remembered.
    this.#sets = new Map();
  }

  /** Looks up the workers of these blocks that are not remembered. */
  async learn(stream: Stream, blocks: readonly Block[]): Promise<Known> {
    const remembered = this.#sets;
    const sets = new Map<string, SequenceSet>();
    const unknown = new Set<string>();
    for (const { headers } of blocks) {
      const key = keyOf(stream, headers);
      const set = remembered.get(key);
      if (set === undefined) unknown.add(headers.instance);
      sets.set(key, set ?? new SequenceSet());
    }
    if (unknown.size > 0) {
      const instances = [...unknown];
      const runs = await this.#clickhouse.query<Run>(RUNS_SQL, { stream, instances });
      for (const run of runs) sets.get(keyOf(stream, run))?.addRun(run.first, run.last);
      if (remembered.size > WORKERS_MAX) remembered.clear();
      for (const [key, set] of sets) remembered.set(key, set);
    }
    return { stored: (headers) => sets.get(keyOf(stream, headers))?.has(headers.seq) ?? false };
  }

  /** Notes blocks whose rows are stored. A repeat of the same range stores nothing again. */
  async note(stream: Stream, blocks: readonly Block[], range: Range): Promise<void> {
    if (blocks.length === 0) return;
    const rows = blocks.map((block) => rowOf(stream, block, range));
    await this.#clickhouse.insertRows(TABLES.blocks, rows, `${tokenOf(range)}/blocks`);
    for (const { headers } of blocks) this.#sets.get(keyOf(stream, headers))?.add(headers.seq);
  }

  /** The newest stored offset of a partition: under a generation, and under the last there was. */
  async newestOffsets(
    topic: string,
    partition: number,
    generation: number,
  ): Promise<{ mine: bigint | undefined; last: bigint | undefined }> {
    const rows = await this.#clickhouse.query<{ generation: number; offset: number }>(
      `SELECT generation, max(offset) AS offset FROM ${TABLES.blocks}
       WHERE topic = {topic: String} AND partition = {partition: UInt16}
       GROUP BY generation ORDER BY generation DESC`,
      { topic, partition },
    );
    const mine = rows.find((row) => row.generation === generation);
    const [last] = rows;
    return {
      mine: mine === undefined ? undefined : BigInt(mine.offset),
      last: last === undefined ? undefined : BigInt(last.offset),
    };
  }
}

function keyOf(stream: Stream, { instance, worker }: { instance: string; worker: number }): string {
  return `${stream}/${worker}/${instance}`;
}

function rowOf(stream: Stream, block: Block, range: Range): Record<string, unknown> {
  const { headers, storedMs } = block;
  const time = (ms: number): string => {
    const held = Math.min(Math.max(ms, storedMs - OLDEST_MS), storedMs + NEWEST_MS);
    return new Date(held).toISOString().replace('T', ' ').slice(0, -1);
  };
  return {
    stream,
    proxy: headers.proxy,
    instance: headers.instance,
    worker: headers.worker,
    seq: headers.seq,
    schema: headers.schema,
    log_epoch: headers.logEpoch,
    rows: headers.rows,
    served: headers.served,
    sampled_out: headers.sampledOut,
    dropped: headers.dropped,
    min_time: time(headers.minTs),
    max_time: time(headers.maxTs),
    end: headers.end,
    bound: headers.bound,
    topic: range.topic,
    generation: range.generation,
    partition: range.partition,
    offset: block.offset.toString(),
    time: time(storedMs),
  };
}

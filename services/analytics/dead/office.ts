import type {
  DeadLetter,
  DeadLetterResponse,
  DeadLettersQuery,
  DeadLettersResponse,
  ReplayRequest,
  ReplayResponse,
} from '#contracts/api/dead-letters.ts';
import { TABLES } from '#contracts/tables.ts';
import { meshTopics } from '#contracts/topics.ts';
import type { ClickHouse } from '#platform/clickhouse.ts';
import { HttpProblem } from '#platform/http.ts';
import type { BlockProducer, Kafka } from '#platform/kafka.ts';
import { ask } from '../api/ask.ts';
import { FIRST_STORED_HEADER, readBlock } from '../ingest/block.ts';
import { groupOf } from '../ingest/consumer.ts';
import {
  type Letter,
  blockKey,
  identityOf,
  ownHeaders,
  passes,
  readLetter,
  shown,
} from './letter.ts';

const LIMIT = 50;
/** Letters looked at for one answer; older ones are behind its cursor. */
const WINDOW = 1_000n;
/** Letters sent again by one request; what is left goes with the next. */
const REPLAY_MAX = 500;
/** Bodies in memory at once, and one more. */
const BODY_BYTES_MAX = 32 * 1024 * 1024;
const HEAD_BYTES = 256;
const READ_TIMEOUT_MS = 30_000;
const PARTITION = 0;

type Item = ReplayResponse['items'][number];

export interface OfficeParts {
  mesh: string;
  kafka: Kafka;
  clickhouse: ClickHouse;
  /** Aborted when the service stops, which waits for no reading. */
  stopping?: AbortSignal;
}

/** Where letters lie that nobody could read: shows them, and sends them again. */
export class DeadLetterOffice {
  readonly #parts: OfficeParts;
  readonly #topic: string;
  #producer: BlockProducer | undefined;
  /** One request after the other: each reads much. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: OfficeParts) {
    this.#parts = parts;
    this.#topic = meshTopics(parts.mesh).dead;
  }

  list(query: DeadLettersQuery): Promise<DeadLettersResponse> {
    return this.#inTurn(async () => {
      const { limit = LIMIT, cursor, state } = query;
      const { oldest, next } = await this.#range();
      const end = cursor === undefined ? next : min(BigInt(cursor), next);
      const start = max(oldest, end - WINDOW);
      const found = await this.#read(start, end, (letter) => passes(letter, query));
      const known = await this.#withStates(newestOfEach(found).toReversed());
      const wanted = known.filter((each) => state === undefined || each.state === state);
      const items = wanted.slice(0, limit);
      const last = items.at(-1);
      const isCut = wanted.length > limit && last !== undefined;
      const nextEnd = isCut ? BigInt(last.id) : start;
      return nextEnd > oldest ? { items, next: nextEnd.toString() } : { items };
    });
  }

  show(id: string): Promise<DeadLetterResponse> {
    return this.#inTurn(async () => {
      const [letter] = await this.#bodies(new Set([BigInt(id)]));
      if (letter === undefined) {
        throw new HttpProblem('not-found', `there is no dead letter ${id} (any more)`);
      }
      const [item] = await this.#withStates([letter]);
      return {
        ...(item as DeadLetter),
        headers: ownHeaders(letter),
        head: letter.message.value.subarray(0, HEAD_BYTES).toString('hex'),
      };
    });
  }

  /**
   * A letter goes back into the topic and the partition that it came from, and passes through
   * storing like any other block: one that is stored by then is left out by its number.
   */
  replay(request: ReplayRequest): Promise<ReplayResponse> {
    return this.#inTurn(async () => {
      const ids = request.ids?.map(BigInt) ?? (await this.#waiting(request));
      const wanted = new Set(ids.slice(0, REPLAY_MAX));
      const items: Item[] = [];
      for (;;) {
        const letters = await this.#bodies(wanted);
        const known = await this.#withStates(letters);
        for (const [index, letter] of letters.entries()) {
          wanted.delete(letter.message.offset);
          const { id = '', state } = known[index] ?? {};
          items.push({ id, ...(state === 'stored' ? STORED : await this.#send(letter)) });
        }
        if (letters.length === 0) break;
      }
      for (const id of wanted) items.push({ id: id.toString(), outcome: 'gone' });
      return { items };
    });
  }

  async #waiting(request: ReplayRequest): Promise<bigint[]> {
    const { oldest, next } = await this.#range();
    const found = newestOfEach(await this.#read(oldest, next, (each) => passes(each, request)));
    const known = await this.#withStates(found);
    return known.flatMap(({ id, state }) => (state === 'waiting' ? [BigInt(id)] : []));
  }

  async #send(letter: Letter): Promise<Omit<Item, 'id'>> {
    const read = readBlock(letter.message, letter.stream);
    if (!read.ok) return { outcome: 'unreadable', message: read.reason };
    this.#producer ??= this.#parts.kafka.createProducer();
    const { topic, partition } = letter.origin;
    const { value } = letter.message;
    // Its rows are held to the time of then, not of now.
    const first = { [FIRST_STORED_HEADER]: String(letter.message.timestampMs) };
    const headers = { ...first, ...ownHeaders(letter) };
    const sent = await this.#producer.send(topic, partition, { value, headers });
    return sent.ok ? { outcome: 'sent' } : { outcome: 'failed', message: sent.message };
  }

  async #range(): Promise<{ oldest: bigint; next: bigint }> {
    const found = await this.#parts.kafka.offsets(this.#topic);
    return found.find(({ partition }) => partition === PARTITION) ?? { oldest: 0n, next: 0n };
  }

  /** The first of these letters whole, as many as fit into memory; none: there are none. */
  async #bodies(ids: ReadonlySet<bigint>): Promise<Letter[]> {
    const { oldest, next } = await this.#range();
    const there = [...ids].filter((id) => id >= oldest && id < next).toSorted(ascending);
    const [first] = there;
    const last = there.at(-1);
    if (first === undefined || last === undefined) return [];
    const found: Letter[] = [];
    let bytes = 0;
    await this.#visit(first, last + 1n, (letter) => {
      if (!ids.has(letter.message.offset)) return undefined;
      found.push(letter);
      bytes += letter.bytes;
      return bytes >= BODY_BYTES_MAX ? 'enough' : undefined;
    });
    return found;
  }

  async #read(from: bigint, to: bigint, isWanted: (letter: Letter) => boolean): Promise<Letter[]> {
    const found: Letter[] = [];
    await this.#visit(from, to, (letter) => {
      if (!isWanted(letter)) return undefined;
      // Without their bodies a thousand of them fit into memory.
      found.push({ ...letter, message: { ...letter.message, value: NOTHING } });
      return undefined;
    });
    return found;
  }

  #visit(from: bigint, to: bigint, visit: (letter: Letter) => 'enough' | undefined): Promise<void> {
    return this.#parts.kafka.readRange({
      ...{ topic: this.#topic, partition: PARTITION, from, to, timeoutMs: READ_TIMEOUT_MS },
      groupPrefix: groupOf(this.#parts.mesh),
      signal: this.#parts.stopping,
      visit: (message) => visit(readLetter(message)),
    });
  }

  async #withStates(letters: readonly Letter[]): Promise<DeadLetter[]> {
    const blocks = letters.flatMap(({ block, stream }) =>
      block === undefined ? [] : [[stream, block.instance, block.worker, block.seq] as const],
    );
    const stored = new Set<string>();
    if (blocks.length > 0) {
      const rows = await ask<{
        stream: Letter['stream'];
        instance: string;
        worker: number;
        seq: number;
      }>(this.#parts.clickhouse, STORED_SQL, {
        streams: blocks.map(([stream]) => stream),
        instances: blocks.map(([, instance]) => instance),
        workers: blocks.map(([, , worker]) => worker),
        seqs: blocks.map(([, , , seq]) => seq),
      });
      for (const row of rows) stored.add(blockKey(row.stream, row));
    }
    return letters.map((letter) =>
      shown(letter, stored.has(identityOf(letter)) ? 'stored' : 'waiting'),
    );
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined); // Told to whoever asked; the next one goes on.
    return done;
  }
}

const STORED_SQL = `
SELECT DISTINCT stream, instance, worker, seq FROM ${TABLES.blocks}
WHERE (stream, instance, worker, seq) IN arrayZip(
  {streams: Array(String)}, {instances: Array(String)}, {workers: Array(UInt16)},
  {seqs: Array(UInt64)})`;

/** Of copies of one letter the newest, in the order of those. */
function newestOfEach(letters: readonly Letter[]): Letter[] {
  const byIdentity = new Map<string, Letter>();
  for (const letter of letters) {
    const identity = identityOf(letter);
    byIdentity.delete(identity);
    byIdentity.set(identity, letter);
  }
  return [...byIdentity.values()];
}

const NOTHING = Buffer.alloc(0);
const STORED = { outcome: 'stored' } as const;

const ascending = (a: bigint, b: bigint): number => (a < b ? -1 : Number(a > b));
const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);

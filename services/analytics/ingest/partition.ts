import type { Stream } from '#contracts/tables.ts';
import { type ClickHouse, ClickHouseFailure } from '#platform/clickhouse.ts';
import type { Clock } from '#platform/clock.ts';
import type { GroupBatch, GroupMessage } from '#platform/kafka.ts';
import { sentenceOf } from '#platform/log.ts';
import { type Block, readBlock } from './block.ts';
import type { SendDead } from './dead.ts';
import { type Position, type Range, encodePosition, tokenOf } from './intent.ts';
import type { Ledger } from './ledger.ts';
import type { IngestEvents } from './outcome.ts';
import { storeBlocks } from './store.ts';

export interface IngestParts {
  clickhouse: ClickHouse;
  ledger: Ledger;
  sendDead: SendDead;
  events: IngestEvents;
  clock: Clock;
  /** The next fetch of the partition begins here. */
  seek(topic: string, partition: number, offset: bigint): void;
}

/** Where a partition is taken over. */
export interface Standing {
  next: bigint;
  position: Position;
  /** The group's own offset was lost because Kafka had dropped what it pointed to. */
  outOfRange?: boolean;
}

/** Most rows and bytes of one insert; one message more than fits is never split. */
const ROWS_MAX = 50_000;
const BYTES_MAX = 32 * 1024 * 1024;
/** How long a handler waits for ClickHouse before it gives the batch back and is asked again. */
const PATIENCE_MS = 60_000;
const RETRY_FIRST_MS = 100;
const RETRY_LAST_MS = 5_000;

/** The batch is to be handed out again: a part is away, or the consumer stops. */
class NotNow extends Error {}

type Dead = { message: GroupMessage; reason: string };

/**
 * Stores one partition, one range of messages after the other, each exactly once:
 *
 * 1. commit the range to Kafka as an intent (metadata of the offset before it),
 * 2. insert its rows under the range's token,
 * 3. insert its blocks into the ledger,
 * 4. commit the offset after it.
 *
 * A death between any two of them leaves the intent. Whoever holds the partition next does the
 * same range again: what the ledger has is left out, and the token makes ClickHouse drop, table by
 * table, what it has. Kafka refuses commits of members that the group has left behind, so an
 * intent is never overwritten by one of them; their late inserts carry the same token.
 */
export class PartitionIngest {
  readonly #parts: IngestParts;
  readonly #stream: Stream;
  /** Where the partition stands; `position.to` set: an intent is on record. */
  #next: bigint;
  #position: Position;
  readonly #outOfRange: boolean;
  #checked = false;
  /** The first messages of an intent that more than one batch brings. */
  #held: GroupMessage[] = [];

  constructor(parts: IngestParts, stream: Stream, standing: Standing) {
    this.#parts = parts;
    this.#stream = stream;
    this.#next = standing.next;
    this.#position = standing.position;
    this.#outOfRange = standing.outOfRange ?? false;
  }

  /** Handles what a fetch brought; resolves offsets as far as their rows are stored. */
  async take(batch: GroupBatch): Promise<void> {
    const { topic, partition } = batch;
    try {
      if (!this.#checked) await this.#check(batch);
      this.#reportGap(batch);
      let rest = batch.messages.filter(({ offset }) => offset >= this.#wanted());
      while (rest.length > 0 && batch.live()) {
        const cut = this.#cut(rest);
        if (cut === undefined) {
          // The rest of the intent comes with the next batches.
          this.#held.push(...rest);
          batch.resolve(rest.at(-1)?.offset ?? 0n);
          return;
        }
        await this.#store(batch, [...this.#held, ...rest.slice(0, cut.count)], cut.to);
        this.#held = [];
        rest = rest.slice(cut.count);
        batch.resolve(this.#next - 1n);
      }
      this.#parts.events.lag({ topic, partition }, batch.highWatermark - this.#next);
    } catch (error) {
      if (this.#held.length > 0) {
        this.#held = [];
        this.#parts.seek(topic, partition, this.#next);
      }
      if (!(error instanceof NotNow)) throw error;
    }
  }

  #wanted(): bigint {
    const last = this.#held.at(-1);
    return last === undefined ? this.#next : last.offset + 1n;
  }

  /** Offsets have no holes in these topics: what is not there was dropped by Kafka. */
  #reportGap(batch: GroupBatch): void {
    const { topic, partition } = batch;
    const first = batch.messages[0]?.offset ?? 0n;
    if (first <= this.#wanted()) return;
    this.#parts.events.gap({ topic, partition }, first - this.#wanted());
    if (this.#position.to === undefined || this.#position.to <= first) {
      // Nothing of an intent is left that could be done again.
      this.#position = { generation: this.#position.generation };
      this.#held = [];
      this.#next = first;
    }
  }

  /**
   * Offsets behind what the ledger has seen under this generation: the topic was made anew, or
   * someone set the group back. Either way no token of before may name the messages of now.
   */
  async #check(batch: GroupBatch): Promise<void> {
    const { topic, partition } = batch;
    const { ledger, events, clock } = this.#parts;
    const { generation, to } = this.#position;
    const { mine, last } = await this.#patiently(batch, () =>
      ledger.newestOffsets(topic, partition, generation),
    );
    if (mine !== undefined && mine >= (to ?? this.#next)) {
      this.#position = { generation: Math.max(clock.wallMs(), generation + 1) };
      events.generation(
        { topic, partition },
        `offset ${mine} is stored, and the group stands at ${this.#next}`,
      );
    }
    // Only the ledger still knows where reading had come to.
    if (this.#outOfRange && last !== undefined && last + 1n < this.#next) this.#next = last + 1n;
    this.#checked = true;
  }

  /** How many of the messages go into the next insert; undefined: an intent reaches further. */
  #cut(messages: readonly GroupMessage[]): { count: number; to: bigint } | undefined {
    const { to } = this.#position;
    const last = messages.at(-1)?.offset ?? 0n;
    if (to !== undefined) {
      if (last + 1n < to) return undefined;
      const count = messages.findIndex(({ offset }) => offset >= to);
      return { count: count === -1 ? messages.length : count, to };
    }
    let rows = 0;
    let bytes = 0;
    let count = 0;
    for (const message of messages) {
      rows += Number(message.headers['rows'] ?? 0) || 0;
      bytes += message.value.length;
      if (count > 0 && (rows > ROWS_MAX || bytes > BYTES_MAX)) break;
      count++;
    }
    return { count, to: (messages[count - 1]?.offset ?? last) + 1n };
  }

  async #store(batch: GroupBatch, messages: readonly GroupMessage[], to: bigint): Promise<void> {
    const { topic, partition } = batch;
    const { generation } = this.#position;
    const range: Range = { topic, partition, generation, from: this.#next, to };
    const dead: Dead[] = [];
    const blocks = this.#read(messages, dead);
    const fresh = await this.#fresh(batch, blocks);
    if (this.#position.to === undefined) {
      await batch.commit(this.#next, encodePosition({ generation, to }));
      this.#position = { generation, to };
    }
    const stored = await this.#insert(batch, fresh, range, dead, messages);
    await this.#patiently(batch, () => this.#parts.ledger.note(this.#stream, stored, range));
    for (const each of dead) await this.#bury(batch, each);
    await batch.commit(to, encodePosition({ generation }));
    this.#next = to;
    this.#position = { generation };
  }

  #read(messages: readonly GroupMessage[], dead: Dead[]): Block[] {
    const blocks: Block[] = [];
    for (const message of messages) {
      const read = readBlock(message, this.#stream);
      if (read.ok) blocks.push(read.block);
      else dead.push({ message, reason: read.reason });
    }
    const clamped = blocks.filter((block) => block.clamped).length;
    if (clamped > 0) this.#parts.events.clamped(this.#stream, clamped);
    return blocks;
  }

  /** Leaves out blocks that are stored already, or that stand in the range twice. */
  async #fresh(batch: GroupBatch, blocks: readonly Block[]): Promise<Block[]> {
    const { ledger, events } = this.#parts;
    const known = await this.#patiently(batch, () => ledger.learn(this.#stream, blocks));
    const seen = new Set<string>();
    const fresh = blocks.filter(({ headers }) => {
      const key = `${headers.worker}/${headers.seq}/${headers.instance}`;
      if (known.stored(headers) || seen.has(key)) return false;
      seen.add(key);
      return true;
    });
    if (fresh.length < blocks.length) events.repeats(this.#stream, blocks.length - fresh.length);
    return fresh;
  }

  async #insert(
    batch: GroupBatch,
    blocks: readonly Block[],
    range: Range,
    dead: Dead[],
    messages: readonly GroupMessage[],
  ): Promise<Block[]> {
    const { clickhouse, clock, events } = this.#parts;
    const startedMs = clock.nowMs();
    const refused = await this.#patiently(batch, () =>
      storeBlocks(clickhouse, this.#stream, blocks, tokenOf(range)),
    );
    for (const { block, reason } of refused) {
      const message = messages.find(({ offset }) => offset === block.offset);
      if (message !== undefined) dead.push({ message, reason });
    }
    const stored = blocks.filter((block) => !refused.some((each) => each.block === block));
    const rows = stored.reduce((sum, { headers }) => sum + headers.rows, 0);
    if (stored.length > 0) {
      events.stored(this.#stream, stored.length, rows, clock.nowMs() - startedMs);
    }
    return stored;
  }

  async #bury(batch: GroupBatch, { message, reason }: Dead): Promise<void> {
    const { sendDead, events } = this.#parts;
    const { topic, partition } = batch;
    const { offset } = message;
    await this.#retry(batch, 'Kafka', async () => {
      const sent = await sendDead({ topic, partition }, message, reason);
      if (sent.ok) events.deadLetter({ topic, partition, offset }, reason);
      else if (sent.again) throw new Error(sent.message);
      // Kafka will never take it: the log has what is known, and the stream goes on.
      else events.deadLetter({ topic, partition, offset }, `${reason}; not kept: ${sent.message}`);
    });
  }

  #patiently<T>(batch: GroupBatch, work: () => Promise<T>): Promise<T> {
    return this.#retry(batch, 'ClickHouse', work);
  }

  /** Tries until it works, the consumer stops or loses the partition, or patience ends. */
  async #retry<T>(
    batch: GroupBatch,
    part: 'ClickHouse' | 'Kafka',
    work: () => Promise<T>,
  ): Promise<T> {
    const { clock, events } = this.#parts;
    const endMs = clock.nowMs() + PATIENCE_MS;
    for (let delayMs = RETRY_FIRST_MS; ; delayMs = Math.min(RETRY_LAST_MS, delayMs * 2)) {
      try {
        const result = await work();
        events.working(part);
        return result;
      } catch (error) {
        if (part === 'ClickHouse' && !(error instanceof ClickHouseFailure)) throw error;
        events.waiting(part, sentenceOf(error));
        if (!batch.live() || clock.nowMs() > endMs) throw new NotNow();
        await pause(clock, delayMs, batch);
        if (!batch.live()) throw new NotNow();
      }
    }
  }
}

const LOOK_MS = 200;

/** Waits, but not past the moment when the consumer stops. */
async function pause(clock: Clock, delayMs: number, batch: GroupBatch): Promise<void> {
  const endMs = clock.nowMs() + delayMs;
  while (batch.live() && clock.nowMs() < endMs) {
    await new Promise<void>((resolve) => {
      clock.after(Math.min(LOOK_MS, endMs - clock.nowMs()), resolve);
    });
  }
}

import { type BlockHeaders, encodeBlockHeaders, meshTopics } from '#contracts/topics.ts';
import type { Clock } from '#platform/clock.ts';
import type { BlockProducer, Kafka } from '#platform/kafka.ts';
import type { TelemetryIdentity, TelemetryLog } from '../types.ts';
import type { Ledger } from './ledger.ts';
import { type Counters, type NumberedBlock, STREAMS, type Stream } from './protocol.ts';
import { Destination } from './destination.ts';
import { DiskOverflow } from './overflow.ts';
import { BlockQueue, type WaitingBlock } from './queue.ts';
import { type BlockMeta, Spool } from './spool.ts';

export interface ShipperOptions {
  identity: TelemetryIdentity;
  kafka: Pick<Kafka, 'createProducer' | 'partitionCount'>;
  ledgers: Record<Stream, Ledger>;
  counters: Counters;
  queueBytesMax: number;
  /** Folder of the spools; undefined: none, what finds no room in memory is dropped. */
  spool: { root: string; bytesMax: number } | undefined;
  clock: Clock;
  log: TelemetryLog;
}

/**
 * Sends closed blocks to Kafka: one send in flight, each stream in the order of its numbers,
 * until it is acknowledged, dropped for lack of room, or refused for good. Every block is in the
 * ledger before it is sent, and every end of a block is too.
 */
export class Shipper {
  readonly #options: ShipperOptions;
  readonly #queue: BlockQueue;
  readonly #spools: Record<Stream, Spool> | undefined;
  readonly #overflow: DiskOverflow | undefined;
  readonly #producer: BlockProducer;
  readonly #destinations: Record<Stream, Destination>;
  /** The headers of the block being sent, which every retry repeats. */
  readonly #headers = new Map<WaitingBlock, BlockHeaders>();
  readonly #running: Promise<void>;
  #wake: () => void = () => undefined;
  #closing = false;
  #done = false;

  constructor(options: ShipperOptions) {
    this.#options = options;
    const { identity, spool } = options;
    if (spool !== undefined) {
      const spools = {
        access: new Spool(spool.root, { ...identity, stream: 'access' }),
        metrics: new Spool(spool.root, { ...identity, stream: 'metrics' }),
      };
      this.#spools = spools;
      this.#overflow = new DiskOverflow({ ...options, ...spool, spools });
    }
    this.#queue = new BlockQueue(options.queueBytesMax, this.#overflow);
    this.#producer = options.kafka.createProducer();
    const topics = meshTopics(identity.mesh);
    const destination = (stream: Stream): Destination =>
      new Destination({ ...options, topic: topics[stream], producer: this.#producer });
    this.#destinations = { access: destination('access'), metrics: destination('metrics') };
    this.#takeUp();
    this.#running = this.#run();
  }

  accept(block: NumberedBlock): void {
    const { ledgers, counters } = this.#options;
    ledgers[block.stream].closed(block);
    counters.add(`${block.stream}WrittenBlocks`, 1);
    for (const dropped of this.#queue.push(block)) this.#drop(dropped);
    this.#count();
    this.#wake();
  }

  /** A block that the request thread had to drop itself. */
  acceptDropped(block: Omit<NumberedBlock, 'bytes'>): void {
    this.#options.ledgers[block.stream].closed(block);
    this.#options.counters.add(`${block.stream}WrittenBlocks`, 1);
    this.#drop(block);
  }

  /** From now on few blocks are on their way: a crash can hide less. */
  steady(): void {
    for (const stream of STREAMS) this.#options.ledgers[stream].steady();
  }

  /**
   * Sends what waits and that the worker ended. At the deadline the rest goes to disk, from where
   * the next start of the proxy sends it, or is left to the ledger.
   */
  async close(timeoutMs: number): Promise<void> {
    this.#closing = true;
    this.#wake();
    const timer = this.#options.clock.after(timeoutMs, () => {
      this.#done = true;
      // At once: a send to a broker that says nothing may outlast this thread.
      this.#queue.spillAll();
      this.#wake();
    });
    await this.#running;
    timer.cancel();
    await this.#producer.close();
  }

  async #run(): Promise<void> {
    while (!this.#done) {
      const stream = this.#ready();
      if (stream !== undefined) await this.#send(stream);
      else if (this.#closing && this.#queue.empty) break;
      else await this.#sleep();
    }
    for (const stream of STREAMS) await this.#end(stream);
  }

  /** Metrics first: they are few, and what is watched is made of them. */
  #ready(): Stream | undefined {
    const nowMs = this.#options.clock.nowMs();
    const ready = (stream: Stream): boolean =>
      this.#destinations[stream].readyAtMs <= nowMs && this.#queue.hold(stream) !== undefined;
    if (ready('metrics')) return 'metrics';
    return ready('access') ? 'access' : undefined;
  }

  async #send(stream: Stream): Promise<void> {
    const block = this.#queue.hold(stream);
    if (block === undefined) return;
    const value = block.bytes ?? this.#spools?.[stream].read(block.seq)?.bytes;
    if (value === undefined) return this.#lost(block);
    const headers = this.#headers.get(block) ?? this.#headersOf(block);
    this.#headers.set(block, headers);
    const message = { value, headers: encodeBlockHeaders(headers) };
    const result = await this.#destinations[stream].send(message);
    if (result === 'later') return;
    this.#headers.delete(block);
    // In the ledger first: what is deleted and not there would be lost.
    if (result === 'stored') {
      this.#options.ledgers[stream].acked(block.seq, block.rows);
      this.#options.counters.add(`${stream}AckedRows`, block.rows);
    } else this.#drop(block);
    this.#queue.done(block);
    this.#count();
  }

  /** Somebody deleted it, or the disk did not keep what it took. */
  #lost(block: WaitingBlock): void {
    const { log } = this.#options;
    log('error', 'a block of telemetry is not whole on disk', { seq: block.seq, rows: block.rows });
    this.#drop(block);
    this.#queue.done(block);
    this.#count();
  }

  /** The last message of the stream, unless blocks or time are left over. */
  async #end(stream: Stream): Promise<void> {
    const { ledgers, clock, identity } = this.#options;
    const ledger = ledgers[stream];
    const { lastSeq, served, sampledOut, dropped, logEpoch, schema, waiting } = ledger.state;
    if (waiting.size === 0) {
      const { proxy, instance, worker } = identity;
      const nowMs = clock.wallMs();
      const headers: BlockHeaders = {
        ...{ schema, proxy, instance, worker, seq: lastSeq + 1, logEpoch, rows: 0 },
        ...{ served, sampledOut, dropped, minTs: nowMs, maxTs: nowMs, end: 1, bound: 0 },
      };
      const message = { value: new Uint8Array(0), headers: encodeBlockHeaders(headers) };
      while (!this.#done) {
        const result = await this.#destinations[stream].send(message);
        if (result === 'stored') {
          this.#spools?.[stream].remove();
          return ledger.remove();
        }
        if (result === 'refused') break;
        await this.#sleep();
      }
    }
    ledger.ended();
    ledger.close();
  }

  #headersOf(block: WaitingBlock): BlockHeaders {
    const { identity, ledgers } = this.#options;
    return blockHeaders(identity, block, ledgers[block.stream].state.dropped);
  }

  #drop(block: Omit<NumberedBlock, 'bytes'>): void {
    this.#options.ledgers[block.stream].dropped(block.seq, block.rows);
    this.#options.counters.add(`${block.stream}DroppedRows`, block.rows);
  }

  /**
   * Of what the ledger says is waiting, that which is on disk waits on: a thread before this one
   * put it there. The rest was in its memory and is gone; the one block that was being sent then
   * may be stored and counted as dropped as well.
   */
  #takeUp(): void {
    for (const stream of STREAMS) {
      const ledger = this.#options.ledgers[stream];
      const spool = this.#spools?.[stream];
      const kept = new Set<number>();
      for (const seq of spool?.list() ?? []) {
        const found = ledger.state.waiting.has(seq) ? spool?.read(seq) : undefined;
        if (found === undefined) spool?.delete(seq);
        else {
          kept.add(seq);
          this.#queue.restore(found.meta, found.bytes.byteLength);
          this.#overflow?.restored(found.bytes.byteLength);
        }
      }
      for (const [seq, rows] of [...ledger.state.waiting]) {
        if (kept.has(seq)) continue;
        ledger.dropped(seq, rows);
        this.#options.counters.add(`${stream}DroppedRows`, rows);
      }
    }
    this.#count();
  }

  #count(): void {
    const { counters } = this.#options;
    counters.set('queueBytes', this.#queue.bytes);
    counters.set('spoolBytes', this.#overflow?.bytes ?? 0);
    counters.set('spoolBlocks', this.#overflow?.blocks ?? 0);
  }

  /** Until something comes in, a destination is due again, or the end. */
  async #sleep(): Promise<void> {
    if (this.#done) return;
    const { clock } = this.#options;
    const nowMs = clock.nowMs();
    const due = STREAMS.map((stream) => this.#destinations[stream].readyAtMs - nowMs);
    const delayMs = Math.min(...due.filter((ms) => ms > 0));
    await new Promise<void>((resolve) => {
      const timer = Number.isFinite(delayMs) ? clock.after(delayMs, resolve) : undefined;
      this.#wake = () => {
        timer?.cancel();
        resolve();
      };
    });
  }
}

/** Of a block of an instance, sent by itself or by one that came after it. */
export function blockHeaders(
  { proxy, instance, worker }: Pick<TelemetryIdentity, 'proxy' | 'instance' | 'worker'>,
  { schema, seq, logEpoch, rows, served, sampledOut, minTs, maxTs }: BlockMeta,
  dropped: number,
): BlockHeaders {
  return {
    ...{ schema, proxy, instance, worker, seq, logEpoch, rows, served, sampledOut, dropped },
    ...{ minTs, maxTs, end: 0, bound: 0 },
  };
}

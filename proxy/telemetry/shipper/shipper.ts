import { type BlockHeaders, encodeBlockHeaders, meshTopics } from '#contracts/topics.ts';
import type { Clock } from '#platform/clock.ts';
import type { BlockProducer, Kafka } from '#platform/kafka.ts';
import type { TelemetryIdentity, TelemetryLog } from '../types.ts';
import type { Ledger } from './ledger.ts';
import { type Counters, type NumberedBlock, STREAMS, type Stream } from './protocol.ts';
import { BlockQueue } from './queue.ts';
import { Destination } from './destination.ts';

export interface ShipperOptions {
  identity: TelemetryIdentity;
  kafka: Pick<Kafka, 'createProducer' | 'partitionCount'>;
  ledgers: Record<Stream, Ledger>;
  counters: Counters;
  queueBytesMax: number;
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
  readonly #producer: BlockProducer;
  readonly #destinations: Record<Stream, Destination>;
  /** The headers of the block being sent, which every retry repeats. */
  readonly #headers = new Map<NumberedBlock, BlockHeaders>();
  readonly #running: Promise<void>;
  #wake: () => void = () => undefined;
  #closing = false;
  #done = false;

  constructor(options: ShipperOptions) {
    this.#options = options;
    this.#queue = new BlockQueue(options.queueBytesMax);
    this.#producer = options.kafka.createProducer();
    const topics = meshTopics(options.identity.mesh);
    const destination = (stream: Stream): Destination =>
      new Destination({ ...options, topic: topics[stream], producer: this.#producer });
    this.#destinations = { access: destination('access'), metrics: destination('metrics') };
    this.#dropUnknown();
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

  /** Sends what waits and that the worker ended; leaves the rest to the ledger at the deadline. */
  async close(timeoutMs: number): Promise<void> {
    this.#closing = true;
    this.#wake();
    const timer = this.#options.clock.after(timeoutMs, () => {
      this.#done = true;
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
    const headers = this.#headers.get(block) ?? this.#headersOf(block);
    this.#headers.set(block, headers);
    const result = await this.#destinations[stream].send({
      value: block.bytes,
      headers: encodeBlockHeaders(headers),
    });
    if (result === 'later') return;
    this.#headers.delete(block);
    this.#queue.done(block);
    if (result === 'stored') {
      this.#options.ledgers[stream].acked(block.seq, block.rows);
      this.#options.counters.add(`${stream}AckedRows`, block.rows);
    } else this.#drop(block);
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
        if (result === 'stored') return ledger.remove();
        if (result === 'refused') break;
        await this.#sleep();
      }
    }
    ledger.ended();
    ledger.close();
  }

  #headersOf(block: NumberedBlock): BlockHeaders {
    const { proxy, instance, worker } = this.#options.identity;
    const { schema, seq, logEpoch, rows, served, sampledOut, minTs, maxTs } = block;
    const { dropped } = this.#options.ledgers[block.stream].state;
    return {
      ...{ schema, proxy, instance, worker, seq, logEpoch, rows, served, sampledOut, dropped },
      ...{ minTs, maxTs, end: 0, bound: 0 },
    };
  }

  #drop(block: Omit<NumberedBlock, 'bytes'>): void {
    this.#options.ledgers[block.stream].dropped(block.seq, block.rows);
    this.#options.counters.add(`${block.stream}DroppedRows`, block.rows);
  }

  /**
   * What the ledger says is waiting was in the memory of a thread that died: it is gone. The one
   * block that was being sent then may be stored and counted as dropped as well.
   */
  #dropUnknown(): void {
    for (const stream of STREAMS) {
      const ledger = this.#options.ledgers[stream];
      for (const [seq, rows] of [...ledger.state.waiting]) {
        ledger.dropped(seq, rows);
        this.#options.counters.add(`${stream}DroppedRows`, rows);
      }
    }
  }

  #count(): void {
    this.#options.counters.set('queueBytes', this.#queue.bytes);
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

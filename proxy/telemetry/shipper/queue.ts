import { type NumberedBlock, STREAMS, type Stream } from './protocol.ts';

/** What a block costs beside its bytes. */
const OVERHEAD_BYTES = 512;

/**
 * The blocks that wait for Kafka, in the order of their numbers, within a bound of bytes. Beyond
 * it the oldest access block goes, and metrics only when no access block is left. A block that is
 * being sent is never dropped: it may be stored already.
 */
export class BlockQueue {
  readonly #blocks: Record<Stream, NumberedBlock[]> = { access: [], metrics: [] };
  readonly #sending = new Set<NumberedBlock>();
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get empty(): boolean {
    return STREAMS.every((stream) => this.#blocks[stream].length === 0);
  }

  /** Takes a block in and returns those that had to go for it, oldest first. */
  push(block: NumberedBlock): NumberedBlock[] {
    this.#blocks[block.stream].push(block);
    this.#bytes += costOf(block);
    const dropped: NumberedBlock[] = [];
    while (this.#bytes > this.#bytesMax) {
      const oldest = this.#oldest('access') ?? this.#oldest('metrics');
      if (oldest === undefined) break;
      this.#remove(oldest);
      dropped.push(oldest);
    }
    return dropped;
  }

  /** The next block of a stream; it stays until `done`, and is held from now on. */
  hold(stream: Stream): NumberedBlock | undefined {
    const block = this.#blocks[stream][0];
    if (block !== undefined) this.#sending.add(block);
    return block;
  }

  done(block: NumberedBlock): void {
    this.#sending.delete(block);
    this.#remove(block);
  }

  #oldest(stream: Stream): NumberedBlock | undefined {
    return this.#blocks[stream].find((block) => !this.#sending.has(block));
  }

  #remove(block: NumberedBlock): void {
    const blocks = this.#blocks[block.stream];
    const index = blocks.indexOf(block);
    if (index < 0) return;
    blocks.splice(index, 1);
    this.#bytes -= costOf(block);
  }
}

function costOf(block: NumberedBlock): number {
  return block.bytes.byteLength + OVERHEAD_BYTES;
}

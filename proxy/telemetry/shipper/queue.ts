import { type NumberedBlock, STREAMS, type Stream } from './protocol.ts';
import type { BlockMeta } from './spool.ts';

/** What a block costs beside its bytes. */
const OVERHEAD_BYTES = 512;

/** A block that waits: its bytes are in memory, or on disk. */
export type WaitingBlock = BlockMeta & {
  bytes: Uint8Array<ArrayBuffer> | undefined;
  readonly size: number;
};

/** Where blocks go that there is no room for in memory. */
export interface Overflow {
  /** Puts a block's bytes there; `full`: once others are gone; `failed`: it takes nothing now. */
  take(block: WaitingBlock): 'taken' | 'full' | 'failed';
  /** Forgets one that it took. */
  forget(block: WaitingBlock): void;
}

export const NO_OVERFLOW: Overflow = { take: () => 'failed', forget: () => undefined };

/**
 * The blocks that wait for Kafka, in the order of their numbers, their bytes within a bound of
 * memory; beyond it the oldest go to the overflow. When that has no room either the oldest access
 * block goes for good, wherever it is, and metrics only when no access block is left. A block that
 * is being sent is never dropped: it may be stored already.
 */
export class BlockQueue {
  readonly #blocks: Record<Stream, WaitingBlock[]> = { access: [], metrics: [] };
  readonly #sending = new Set<WaitingBlock>();
  readonly #bytesMax: number;
  readonly #overflow: Overflow;
  /** Of the blocks in memory. */
  #bytes = 0;

  constructor(bytesMax: number, overflow: Overflow = NO_OVERFLOW) {
    this.#bytesMax = bytesMax;
    this.#overflow = overflow;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get empty(): boolean {
    return STREAMS.every((stream) => this.#blocks[stream].length === 0);
  }

  /** Takes a block in and returns those that had to go for it, oldest first. */
  push(block: NumberedBlock): WaitingBlock[] {
    const waiting: WaitingBlock = { ...block, size: block.bytes.byteLength };
    this.#blocks[block.stream].push(waiting);
    this.#bytes += costOf(waiting);
    const dropped: WaitingBlock[] = [];
    while (this.#bytes > this.#bytesMax) {
      const first = this.#first(isInMemory);
      if (first === undefined) break;
      const spilled = this.#spill(first);
      if (spilled === 'taken') continue;
      // Of what is on disk nothing need go where that makes no room.
      const oldest = spilled === 'full' ? (this.#first(() => true) ?? first) : first;
      this.#remove(oldest);
      dropped.push(oldest);
    }
    return dropped;
  }

  /** One that the overflow has from before. */
  restore(meta: BlockMeta, size: number): void {
    this.#blocks[meta.stream].push({ ...meta, bytes: undefined, size });
  }

  /** Puts all that it can where it outlives this process. */
  spillAll(): void {
    for (const stream of STREAMS) {
      for (const block of this.#blocks[stream]) if (isInMemory(block)) this.#spill(block);
    }
  }

  /** The next block of a stream; it stays until `done`, and is held from now on. */
  hold(stream: Stream): WaitingBlock | undefined {
    const block = this.#blocks[stream][0];
    if (block !== undefined) this.#sending.add(block);
    return block;
  }

  done(block: WaitingBlock): void {
    this.#sending.delete(block);
    this.#remove(block);
  }

  #spill(block: WaitingBlock): 'taken' | 'full' | 'failed' {
    const result = this.#overflow.take(block);
    if (result !== 'taken') return result;
    this.#bytes -= costOf(block);
    block.bytes = undefined;
    return result;
  }

  /** The oldest that may go, of the stream that is to go first. */
  #first(isWanted: (block: WaitingBlock) => boolean): WaitingBlock | undefined {
    for (const stream of STREAMS) {
      const found = this.#blocks[stream].find(
        (block) => !this.#sending.has(block) && isWanted(block),
      );
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #remove(block: WaitingBlock): void {
    const blocks = this.#blocks[block.stream];
    const index = blocks.indexOf(block);
    if (index < 0) return;
    blocks.splice(index, 1);
    if (isInMemory(block)) this.#bytes -= costOf(block);
    else this.#overflow.forget(block);
  }
}

function isInMemory({ bytes }: WaitingBlock): boolean {
  return bytes !== undefined;
}

function costOf({ size }: WaitingBlock): number {
  return size + OVERHEAD_BYTES;
}

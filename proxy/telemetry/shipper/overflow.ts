import type { Clock } from '#platform/clock.ts';
import { sentenceOf } from '#platform/log.ts';
import type { TelemetryLog } from '../types.ts';
import type { Stream } from './protocol.ts';
import type { Overflow, WaitingBlock } from './queue.ts';
import { Spool, spooledBytes } from './spool.ts';

/** A disk that did not take a block is asked again after this. */
const AGAIN_MS = 30_000;

export interface DiskOverflowOptions {
  /** Folder of the spools of all workers. */
  root: string;
  spools: Readonly<Record<Stream, Spool>>;
  /** Of all spools below the root; 0: nothing goes to disk. */
  bytesMax: number;
  clock: Clock;
  log: TelemetryLog;
}

/** Blocks on disk, within a bound that all workers of a data directory share. */
export class DiskOverflow implements Overflow {
  blocks = 0;
  /** Of this worker. */
  bytes = 0;
  readonly #options: DiskOverflowOptions;
  /** Of the others, when this one began to fill. */
  #others = 0;
  #againAtMs = 0;
  #failed = false;

  constructor(options: DiskOverflowOptions) {
    this.#options = options;
  }

  take(block: WaitingBlock): 'taken' | 'full' | 'failed' {
    const { bytesMax, clock, log, spools } = this.#options;
    const { bytes, size, ...meta } = block;
    if (bytes === undefined || clock.nowMs() < this.#againAtMs) return 'failed';
    try {
      if (this.blocks === 0) this.#others = spooledBytes(this.#options.root);
      if (this.#others + this.bytes + Spool.bytesOf(size) > bytesMax) return 'full';
      spools[block.stream].write(meta, bytes);
      this.restored(size);
      if (this.#failed) log('info', 'the disk takes blocks of telemetry again');
      this.#failed = false;
      return 'taken';
    } catch (error) {
      const why = sentenceOf(error);
      if (!this.#failed) log('error', 'the disk does not take blocks of telemetry', { why });
      this.#failed = true;
      this.#againAtMs = clock.nowMs() + AGAIN_MS;
      return 'failed';
    }
  }

  /** One that is there from before. */
  restored(size: number): void {
    this.blocks++;
    this.bytes += Spool.bytesOf(size);
  }

  forget({ stream, seq, size }: WaitingBlock): void {
    this.blocks--;
    this.bytes -= Spool.bytesOf(size);
    try {
      this.#options.spools[stream].delete(seq);
    } catch (error) {
      // It is sent again after a restart, and left out by its number.
      const why = sentenceOf(error);
      this.#options.log('warn', 'a block of telemetry cannot be deleted from disk', { why });
    }
  }
}

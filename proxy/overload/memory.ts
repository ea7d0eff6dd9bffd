import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What of the process's memory is in use, and how much of it there may be. Bytes. */
export interface Memory {
  /** With what is no longer needed and not collected yet. */
  readonly usedBytes: number;
  readonly limitBytes: number;
  /** Collects all that is no longer needed; stops the world for it. */
  collect(): void;
}

const MIB = 1024 * 1024;
/** V8 counts pages, and a full heap's are filled to so much: what is between objects is lost. */
const FILLED_SHARE = 0.96;
/** V8's own, in MiB, on 64 bits; the young generation is three of them. */
const SEMI_SPACE_MIB = 32;
const SEMI_SPACE_FLAG = /--max[-_]semi[-_]space[-_]size[= ](\d+)/g;

/**
 * The old generation, which is what ends a process when it is full, and the buffers outside of the
 * heap, which no limit of V8's counts: both against the one limit that an operator sets
 * (`--max-old-space-size`, else V8's by the machine's memory).
 */
export class V8Memory implements Memory {
  readonly limitBytes =
    FILLED_SHARE * (getHeapStatistics().heap_size_limit - 3 * semiSpaceMib() * MIB);
  #collect: (() => void) | undefined;

  get usedBytes(): number {
    let bytes = getHeapStatistics().external_memory;
    for (const { space_name: name, space_used_size: used } of getHeapSpaceStatistics()) {
      if (!name.startsWith('new_')) bytes += used;
    }
    return bytes;
  }

  collect(): void {
    if (this.#collect === undefined) {
      setFlagsFromString('--expose-gc');
      this.#collect = runInNewContext('gc') as () => void;
    }
    this.#collect();
  }
}

function semiSpaceMib(): number {
  const flags = [process.env['NODE_OPTIONS'] ?? '', ...process.execArgv].join(' ');
  return Number([...flags.matchAll(SEMI_SPACE_FLAG)].at(-1)?.[1] ?? SEMI_SPACE_MIB);
}

import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import type { LedgerOwner } from './ledger.ts';
import type { NumberedBlock } from './protocol.ts';

/** A block without its bytes: what a ledger and the headers of its message know of it. */
export type BlockMeta = Omit<NumberedBlock, 'bytes'>;

const SUFFIX = '.block';
/** Length of the head and of the body, and the check sum of both: 4 bytes each, little endian. */
const FRAME_BYTES = 12;
/** Numbers of one length, so that names sort as numbers do. */
const DIGITS = 15;

export function spoolDirOf(dataDir: string): string {
  return path.join(dataDir, 'spool');
}

function dirOf(root: string, owner: Pick<LedgerOwner, 'instance' | 'worker' | 'stream'>): string {
  return path.join(root, `${owner.instance}.${owner.worker}.${owner.stream}`);
}

/**
 * Blocks of one worker's stream on disk, a file each: written once, read once, deleted. What
 * `write` took outlives the process; a machine that loses power may lose it, as it may the lines
 * of the ledger. Used by the shipper thread only, where waiting for a disk holds up nothing else.
 * Every method but `write` treats what is not there as gone.
 */
export class Spool {
  readonly #dir: string;

  constructor(root: string, owner: Pick<LedgerOwner, 'instance' | 'worker' | 'stream'>) {
    this.#dir = dirOf(root, owner);
  }

  /** Bytes that a block of this size takes on disk, about. */
  static bytesOf(size: number): number {
    return size + 512;
  }

  /** Throws when the disk does not take it; nothing of it is left then. */
  write(meta: BlockMeta, bytes: Uint8Array): void {
    const head = Buffer.from(JSON.stringify(meta));
    const frame = Buffer.alloc(FRAME_BYTES);
    frame.writeUInt32LE(head.length, 0);
    frame.writeUInt32LE(bytes.byteLength, 4);
    frame.writeUInt32LE(crc32(bytes, crc32(head)), 8);
    const file = this.#fileOf(meta.seq);
    // Records hold addresses and paths of clients.
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    try {
      const fd = openSync(file, 'wx', 0o600);
      try {
        for (const part of [frame, head, bytes]) writeAll(fd, part);
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      rmSync(file, { force: true });
      throw error;
    }
  }

  /** Undefined: it is not there, or not whole. */
  read(seq: number): { meta: BlockMeta; bytes: Uint8Array<ArrayBuffer> } | undefined {
    return readBlockFile(this.#fileOf(seq));
  }

  delete(seq: number): void {
    rmSync(this.#fileOf(seq), { force: true });
  }

  /** Numbers of its blocks, ascending. */
  list(): number[] {
    return namesIn(this.#dir)
      .filter((name) => name.endsWith(SUFFIX))
      .map((name) => Number(name.slice(0, -SUFFIX.length)))
      .sort((a, b) => a - b);
  }

  /** With whatever is left in it. */
  remove(): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #fileOf(seq: number): string {
    return path.join(this.#dir, `${String(seq).padStart(DIGITS, '0')}${SUFFIX}`);
  }
}

/** Bytes of all spools below `root`: of every worker, and of those that were before. */
export function spooledBytes(root: string): number {
  let bytes = 0;
  for (const dir of namesIn(root)) {
    for (const name of namesIn(path.join(root, dir))) {
      bytes += statSync(path.join(root, dir, name), { throwIfNoEntry: false })?.size ?? 0;
    }
  }
  return bytes;
}

/** Spools of which no ledger tells any more: nobody knows what is missing without them. */
export function dropOrphans(root: string, isKnown: (name: string) => boolean): string[] {
  const orphans = namesIn(root).filter((name) => !isKnown(name));
  for (const name of orphans) rmSync(path.join(root, name), { recursive: true, force: true });
  return orphans;
}

/** A disk may take less than it was given, and tells why at the next try. */
function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.byteLength;) at += writeSync(fd, bytes, at);
}

function readBlockFile(
  file: string,
): { meta: BlockMeta; bytes: Uint8Array<ArrayBuffer> } | undefined {
  let all: Buffer<ArrayBuffer>;
  try {
    all = readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  if (all.length < FRAME_BYTES) return undefined;
  const headEnd = FRAME_BYTES + all.readUInt32LE(0);
  if (all.length !== headEnd + all.readUInt32LE(4)) return undefined;
  const head = all.subarray(FRAME_BYTES, headEnd);
  const bytes = all.subarray(headEnd);
  if (crc32(bytes, crc32(head)) !== all.readUInt32LE(8)) return undefined;
  return { meta: JSON.parse(head.toString()) as BlockMeta, bytes };
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

import type { Signed } from './signing.ts';

/**
 * The first line of a snapshot in the object store; the second is its resources, a JSON list of
 * `StateEntry` (services/platform/state.ts) in the order of their keys.
 */
export interface SnapshotHead extends Signed {
  mesh: string;
  epoch: number;
  /** Of the newest change-set in it, and its digest of the state. */
  sequence: number;
  digest: string;
  /** Of the last message of the log that was read for it: a reader goes on behind that. */
  upTo: number;
  /** RFC 3339. */
  time: string;
  /** SHA-256 of the second line without its end, in hex: what is not in the digest is the ages. */
  entries: string;
}

/** Name in the object store; by names the newest comes last. */
export function snapshotName(epoch: number, sequence: number): string {
  return `${SNAPSHOT_PREFIX}${digits(epoch, 10)}-${digits(sequence, 15)}`;
}

export const SNAPSHOT_PREFIX = 'snapshot.';
export const ARCHIVE_PREFIX = 'archive.';

/** Messages of a log that were taken out of it: lines of `KeptMessage` (backup.ts). */
export interface ArchiveChunk {
  name: string;
  first: number;
  last: number;
  /** Milliseconds since 1970. Of two that overlap the later one tells what the log had. */
  writtenMs: number;
}

export function archiveName({ first, last, writtenMs }: Omit<ArchiveChunk, 'name'>): string {
  return `${ARCHIVE_PREFIX}${digits(first, 15)}-${digits(last, 15)}-${digits(writtenMs, 15)}`;
}

/** Undefined for a name that is none of an archive's. */
export function archiveChunk(name: string): ArchiveChunk | undefined {
  const match = /^archive\.(\d{15})-(\d{15})-(\d{15})$/.exec(name);
  if (match === null) return undefined;
  const [first, last, writtenMs] = match.slice(1).map(Number);
  return { name, first: first ?? 0, last: last ?? 0, writtenMs: writtenMs ?? 0 };
}

function digits(number: number, count: number): string {
  return String(number).padStart(count, '0');
}

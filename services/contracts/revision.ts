/**
 * A revision is the position of a change-set in a mesh's config log: the log's epoch and the
 * JetStream sequence. Written `42` within the current epoch and `2-42` in full; ordered by epoch,
 * then by sequence.
 */
export interface Revision {
  epoch: number;
  sequence: number;
}

/** The state before the first change-set. */
export const NO_REVISION: Revision = { epoch: 1, sequence: 0 };

export function formatRevision(revision: Revision): string {
  return `${revision.epoch}-${revision.sequence}`;
}

/** Reads `42` (of `currentEpoch`) or `2-42`; undefined when the text is no revision. */
export function parseRevision(text: string, currentEpoch: number): Revision | undefined {
  const match = /^(?:([1-9][0-9]{0,9})-)?([0-9]{1,15})$/.exec(text);
  if (match === null) return undefined;
  return {
    epoch: match[1] === undefined ? currentEpoch : Number(match[1]),
    sequence: Number(match[2]),
  };
}

/** Negative when `a` is older than `b`, 0 when they are the same, positive when `a` is newer. */
export function compareRevisions(a: Revision, b: Revision): number {
  return a.epoch - b.epoch || a.sequence - b.sequence;
}

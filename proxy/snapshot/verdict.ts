import type { ReceiptResult } from '#contracts/events.ts';
import type { ResourceProblem } from '#contracts/problems.ts';
import type { Revision } from '#contracts/revision.ts';

/** What is said of a revision; whoever sends it adds who says so. */
export interface Verdict {
  revision: Revision;
  result: ReceiptResult;
  logDigest: string;
  problems: ResourceProblem[];
  lagMs: number;
  applyMs: number;
}

/** What the workers serve now. */
export interface Served {
  revision: Revision;
  logDigest: string;
  problems: ResourceProblem[];
}

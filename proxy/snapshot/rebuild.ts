import { type Revision, compareRevisions, formatRevision } from '#contracts/revision.ts';
import type { EventChain } from '#platform/config-log/chain.ts';
import type { Served } from './verdict.ts';

/** What was read of the log so far. */
export interface Followed {
  chain: EventChain;
  /** The message whose digest is that of the state, as it stands in the log. */
  proof: Uint8Array | undefined;
}

/**
 * Reading the log anew from its beginning, and what to go back to when that leads nowhere. What is
 * read then must come by the revision that is served: a log that does not hold it was lost or
 * restored from an older copy, and to follow it would take back what is in service.
 */
export class Rebuild {
  #before: Followed | undefined;

  get isRunning(): boolean {
    return this.#before !== undefined;
  }

  begin(before: Followed): void {
    this.#before ??= before;
  }

  /** It led to a state that is served. */
  done(): void {
    this.#before = undefined;
  }

  /** What was followed before; undefined when nothing was being read anew. */
  giveUp(): Followed | undefined {
    const before = this.#before;
    this.#before = undefined;
    return before;
  }

  /**
   * Why what was read must not be taken: it is about to go beyond the revision served, or is about
   * to be served, without having come by it.
   */
  refusal(
    { state, epoch }: EventChain,
    served: Served | undefined,
    nextSequence = Number.POSITIVE_INFINITY,
  ): string | undefined {
    if (served === undefined || !this.isRunning || served.revision.epoch !== epoch) {
      return undefined;
    }
    const { sequence } = served.revision;
    if (state.sequence > sequence || nextSequence <= sequence) return undefined;
    const isThere = state.sequence === sequence && state.digest === served.logDigest;
    return isThere ? undefined : lostWhy(served.revision);
  }
}

/** Why a state is not brought into service in place of a newer one; undefined when it may be. */
export function olderThan(revision: Revision, served: Revision | undefined): string | undefined {
  const isOlder = served !== undefined && compareRevisions(revision, served) < 0;
  return isOlder ? lostWhy(served) : undefined;
}

function lostWhy(served: Revision): string {
  return (
    `the log does not hold the revision served (${formatRevision(served)}): it was lost or ` +
    'restored from an older copy, and windrose recover mends it'
  );
}

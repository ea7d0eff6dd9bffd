import type { Heartbeat, LogHead } from '#contracts/events.ts';
import { type Revision, compareRevisions, formatRevision } from '#contracts/revision.ts';
import type { Log } from '#platform/log.ts';
import { natsSentence } from '#platform/nats.ts';
import type { Trust } from '#platform/signing.ts';
import type { ConfigLog } from './config-log.ts';

export interface ServedOptions {
  mesh: string;
  log: ConfigLog;
  logger: Log;
  /** Undefined: the mesh is unsigned. */
  trust: Trust | undefined;
}

/** Holds the log against what proxies serve: they may have followed more than it holds now. */
export class ServedComparison {
  readonly #options: ServedOptions;
  #isRunning = false;

  constructor(options: ServedOptions) {
    this.#options = options;
  }

  /**
   * If the log, read to its end, does not have what a proxy serves, then it is not the log that the
   * proxy followed. In a signed mesh it is believed as far as the head goes that it shows: one
   * proxy that lies must not keep everybody from writing. Never rejects.
   */
  async heard({ proxy, revision, head }: Heartbeat): Promise<void> {
    const { log, logger, trust } = this.#options;
    const served = trust === undefined ? revision : this.#vouched(head, trust);
    if (served === undefined || !this.#isBeyond(served)) return;
    if (log.problem !== undefined || this.#isRunning) return;
    this.#isRunning = true;
    try {
      await log.catchUp();
      if (!this.#isBeyond(served) || log.problem !== undefined) return;
      const end = log.history.revisionOf(log.history.headSequence);
      log.setLost(`proxy ${proxy} serves ${formatRevision(served)}, and it ends at ${end}`);
    } catch (error) {
      logger.debug({ why: natsSentence(error) }, 'what a proxy serves is not compared');
    } finally {
      this.#isRunning = false;
    }
  }

  #vouched(head: LogHead | undefined, trust: Trust): Revision | undefined {
    if (head === undefined || head.mesh !== this.#options.mesh) return undefined;
    // Mostly nothing new: not worth looking at the signature.
    if (!this.#isBeyond(head.revision)) return undefined;
    return trust.refusalOf('head', head) === undefined ? head.revision : undefined;
  }

  #isBeyond(served: Revision): boolean {
    const { epoch, headSequence: sequence } = this.#options.log.history;
    return compareRevisions(served, { epoch, sequence }) > 0;
  }
}

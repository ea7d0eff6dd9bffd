import type { NatsConnection } from 'nats';
import { compareRevisions } from '#contracts/revision.ts';
import type { Clock } from '#platform/clock.ts';
import { BODY_PREFIX } from '#platform/config-log/bodies.ts';
import type { Snapshots } from '#platform/config-log/snapshots.ts';
import type { Log } from '#platform/log.ts';
import { natsSentence } from '#platform/nats.ts';
import type { ObjectStore } from '#platform/objects.ts';
import type { Archive } from './archive.ts';
import type { ConfigLog } from './config-log.ts';

export interface CompactionOptions {
  connection: NatsConnection;
  stream: string;
  log: ConfigLog;
  archive: Archive;
  snapshots: Snapshots;
  objects: ObjectStore;
  clock: Clock;
  logger: Log;
  /** Messages that stay in the log, at the least. */
  keep: number;
}

/** A snapshot is written when so many revisions came since the last one. */
const SNAPSHOT_EVERY = 1_000;
/** A body that no revision names is an orphan when the head is so much younger. */
const ORPHAN_AGE_MS = 60 * 60_000;
const SWEEP_INTERVAL_MS = 60 * 60_000;

/**
 * Keeps the log short: snapshots of its head, and what is far behind them archived before it is
 * purged. Several services may do so at once: they write the same, and each purges only what it
 * has archived itself.
 */
export class Compaction {
  readonly #options: CompactionOptions;
  #snapshotAt: { epoch: number; sequence: number } | undefined;
  #sweptMs = Number.NEGATIVE_INFINITY;

  constructor(options: CompactionOptions) {
    this.#options = options;
  }

  /**
   * Whether a snapshot of a revision is kept that this log, read to its end, does not have: then
   * it is not the log that the snapshot was made of.
   */
  async beyond(): Promise<{ epoch: number; sequence: number } | undefined> {
    const { log, snapshots } = this.#options;
    this.#snapshotAt = await snapshots.newestRevision();
    const { epoch, headSequence: sequence } = log.history;
    const found = this.#snapshotAt;
    if (found === undefined) return undefined;
    return compareRevisions(found, { epoch, sequence }) > 0 ? found : undefined;
  }

  /** Does what is due. What fails is told and due again the next time. */
  async work(): Promise<void> {
    const { log, logger } = this.#options;
    if (log.problem !== undefined || log.history.headSequence === 0) return;
    try {
      await this.#compact();
      await this.#sweep();
    } catch (error) {
      logger.warn({ why: natsSentence(error) }, 'the config log is not compacted for now');
    }
  }

  async #compact(): Promise<void> {
    const { connection, stream, log, archive, clock, keep, logger } = this.#options;
    const manager = await connection.jetstreamManager({ checkAPI: false });
    const { state } = await manager.streams.info(stream);
    const first = Math.max(state.first_seq, 1);
    const { history } = log;
    const last = Math.min(history.lastSequence - keep, state.last_seq);
    // Not for every message: a chunk of a few would be an object for a few.
    const isDue = last - first + 1 >= Math.max(1, Math.min(keep / 10, 1_000));
    const at = this.#snapshotAt;
    const since = history.headSequence - (at?.epoch === history.epoch ? at.sequence : 0);
    const isRooted = at?.epoch === history.epoch && at.sequence >= last;
    if ((isDue && !isRooted) || since >= SNAPSHOT_EVERY) await this.#snapshot();
    if (!isDue) return;
    await archive.write(this.#messages(first, last), { last, nowMs: clock.wallMs() });
    // Read anew: nobody may have lost or replaced the log meanwhile.
    await log.catchUp();
    if (log.problem !== undefined) return;
    await manager.streams.purge(stream, { seq: last + 1 });
    logger.info({ first, last }, 'a part of the config log is in the archive');
  }

  async #snapshot(): Promise<void> {
    const { log, snapshots, clock } = this.#options;
    const { state, epoch, lastSequence: upTo } = log.history;
    const { sequence } = state;
    await snapshots.write({ state, epoch, upTo }, new Date(clock.wallMs()).toISOString());
    this.#snapshotAt = { epoch, sequence };
  }

  async *#messages(first: number, last: number) {
    const { log } = this.#options;
    for (let sequence = first; sequence <= last; sequence++) {
      const data = await log.message(sequence);
      if (data !== undefined) yield { sequence, data };
      else if (log.history.changeSet(sequence) !== undefined) {
        // It was there when it was read: archived without it, it would be lost for good.
        throw new Error(`revision ${sequence} of the config log cannot be read again`);
      }
    }
  }

  /**
   * Removes bodies whose change-set was never stored. Only what is older than the head by far: a
   * body that is younger may be of a revision that this log has lost.
   */
  async #sweep(): Promise<void> {
    const { log, objects, clock, logger } = this.#options;
    if (clock.nowMs() - this.#sweptMs < SWEEP_INTERVAL_MS) return;
    this.#sweptMs = clock.nowMs();
    const headTime = log.history.changeSet(log.history.headSequence)?.time ?? '';
    for (const name of await objects.list(BODY_PREFIX)) {
      if (log.names(name)) continue;
      const writtenMs = Date.parse((await objects.timeOf(name)) ?? '');
      if (!(Date.parse(headTime) - writtenMs > ORPHAN_AGE_MS)) continue;
      await objects.remove(name);
      logger.info({ object: name }, 'a body that no change-set names is removed');
    }
  }
}

import type { NatsConnection } from 'nats';
import type { RecoverRequest, RecoverResponse } from '#contracts/api/config.ts';
import type { RestoreRequest, RestoreResponse } from '#contracts/backup.ts';
import { type Revision, formatRevision } from '#contracts/revision.ts';
import type { MeshSubjects } from '#contracts/subjects.ts';
import type { Clock } from '#platform/clock.ts';
import type { Snapshots } from '#platform/config-log/snapshots.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import { ObjectStore } from '#platform/objects.ts';
import type { Signer } from '#platform/signing.ts';
import { Repeat } from '../repeat.ts';
import type { Archive } from './archive.ts';
import { Backup } from './backup.ts';
import { Compaction } from './compaction.ts';
import type { ConfigLog } from './config-log.ts';
import { Recovery } from './recovery.ts';

export interface LogKeeperOptions {
  connection: NatsConnection;
  mesh: string;
  subjects: MeshSubjects;
  log: ConfigLog;
  logger: Log;
  clock: Clock;
  objects: ObjectStore;
  archive: Archive;
  snapshots: Snapshots;
  /** Undefined: the mesh is unsigned. */
  signer?: Signer | undefined;
  /** Messages that stay in the log when older ones go to the archive. */
  keep: number;
  /** Makes the log's stream when it is gone. */
  ensureStreams: () => Promise<void>;
  /** What the proxies that were heard serve. */
  served: () => Revision[];
  /** The log is in a newer epoch than what was read, and can be read from its beginning again. */
  onSuperseded: () => void;
}

const DOUBT_INTERVAL_MS = 2_000;
const COMPACTION_INTERVAL_MS = 5_000;

/** What is done to the log as a whole: kept short, backed up, and gone on with after a loss. */
export class LogKeeper {
  readonly backup: Backup;
  readonly #options: LogKeeperOptions;
  readonly #recovery: Recovery;
  readonly #compaction: Compaction;
  readonly #doubts: Repeat;
  readonly #compactions: Repeat;
  #stopped = false;

  constructor(options: LogKeeperOptions) {
    const { clock, connection, subjects } = options;
    this.#options = options;
    const vault = new ObjectStore(connection, subjects.vault);
    this.backup = new Backup({ ...options, vault });
    this.#recovery = new Recovery(options);
    this.#compaction = new Compaction({ ...options, stream: subjects.streams.config });
    this.#doubts = new Repeat(clock, DOUBT_INTERVAL_MS, () => this.#doubt());
    this.#compactions = new Repeat(clock, COMPACTION_INTERVAL_MS, () => this.#compaction.work());
  }

  /** While the log is read for the first time, and from then on. */
  watch(): void {
    this.#doubts.start();
  }

  /** A snapshot outlives the log that it was made of: when that was read, does it lead so far? */
  async compare(): Promise<void> {
    const found = await this.#compaction.beyond();
    if (found === undefined) return;
    const { log } = this.#options;
    const head = log.history.revisionOf(log.history.headSequence);
    log.setLost(`a snapshot of ${formatRevision(found)} is kept, and it ends at ${head}`);
  }

  compact(): void {
    this.#compactions.start();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([this.#doubts.stop(), this.#compactions.stop()]);
  }

  /** Begins a new epoch. Throws HttpProblem. */
  async recover(request: RecoverRequest): Promise<RecoverResponse> {
    const answer = await this.#recovery.recover(request);
    this.#options.onSuperseded();
    return answer;
  }

  /** With the last part the log is another. Throws HttpProblem. */
  async restore(request: RestoreRequest): Promise<RestoreResponse> {
    const sequence = await this.backup.restore(request);
    if (request.isLast) this.#options.onSuperseded();
    return { sequence };
  }

  /** While the log cannot be followed: does it begin a new epoch, by another service's hand? */
  async #doubt(): Promise<void> {
    const { log, logger } = this.#options;
    if (log.problem === undefined || this.#stopped) return;
    try {
      if ((await log.newerEpoch()) !== undefined) this.#options.onSuperseded();
    } catch (error) {
      logger.debug({ error: sentenceOf(error) }, 'the log is not asked for its epoch');
    }
  }
}

import { DeliverPolicy, type JsMsg, type StreamState } from 'nats';
import { epochBegunBy } from '#platform/config-log/event.ts';
import type { Snapshots } from '#platform/config-log/snapshots.ts';
import type { Log } from '#platform/log.ts';
import { decodeJson } from '#platform/nats.ts';
import type { Alarms } from './alarms.ts';
import type { Applier } from './applier.ts';
import type { Begin } from './follow-stream.ts';

export interface PositionOptions {
  applier: Applier;
  snapshots: Pick<Snapshots, 'newest'>;
  /** Of the config log. */
  subject: string;
  alarms: Alarms;
  log: Log;
}

/** Fewer are read one by one rather than the whole mesh at once. */
const SKIP_REVISIONS_MIN = 2_000;

/** Where in the config log this proxy goes on, and whether it is the log that it followed. */
export class LogPosition {
  readonly #options: PositionOptions;

  constructor(options: PositionOptions) {
    this.#options = options;
  }

  async begin(stream: StreamState): Promise<Begin> {
    const { applier, alarms, subject } = this.#options;
    const { last_seq: last } = stream;
    await this.#skip(stream);
    const { position } = applier;
    if (last < position) {
      // Served on from what is known: a shorter log is never taken as the order to go back. It is
      // read for the first event of a new epoch, which may stand there already.
      alarms.raise('log-lost', `the config log ends at ${last}, and ${position} was read of it`);
      applier.begins();
      return { deliver_policy: DeliverPolicy.All, filter_subject: subject };
    }
    alarms.clear('log-lost');
    if (last === position) void applier.reachedHead();
    applier.begins();
    return {
      deliver_policy: DeliverPolicy.StartSequence,
      // The last one again, to see that this is the log that was followed.
      opt_start_seq: Math.max(applier.state.sequence, 1),
      filter_subject: subject,
    };
  }

  /** It was read before, and begins no later epoch. */
  isKnown({ seq, data }: JsMsg): boolean {
    const { position, epoch } = this.#options.applier;
    return seq <= position && (epochBegunBy(data) ?? 0) <= epoch;
  }

  /**
   * The log's message of the revision that is followed has to be the one that made it. False: the
   * log is to be read anew.
   */
  async isOurs(message: JsMsg): Promise<boolean> {
    const { applier, log } = this.#options;
    const { sequence, digest } = applier.state;
    if (message.seq !== sequence) return true;
    const event = decodeJson(message.data);
    if (event?.['epoch'] === applier.epoch && event['digest'] === digest) return true;
    if (!(await applier.resync())) return true;
    log.error({ sequence }, 'the log has another revision of this number; reading it anew');
    return false;
  }

  /** What lies between this proxy and the log's beginning, or far behind its end, is skipped. */
  async #skip({ first_seq: first, last_seq: last }: StreamState): Promise<void> {
    const { applier, snapshots, log } = this.#options;
    const { position } = applier;
    const isGone = first > position + 1;
    if (!isGone && last - position < SKIP_REVISIONS_MIN) return;
    const root = await snapshots.newest();
    if (root !== undefined && (await applier.adopt(root))) {
      log.info({ revision: root.state.sequence }, 'goes on from a snapshot of the log');
    } else if (isGone && first <= last) {
      log.error({ first, revision: position }, 'no snapshot leads to where the config log begins');
    }
  }
}

import type { NatsConnection } from 'nats';
import type { RecoverRequest, RecoverResponse } from '#contracts/api/config.ts';
import { type ChangeSetEvent, EVENT_SCHEMA } from '#contracts/events.ts';
import { type Revision, compareRevisions, formatRevision } from '#contracts/revision.ts';
import type { MeshSubjects } from '#contracts/subjects.ts';
import { MIN_PROXY_VERSION } from '#contracts/version.ts';
import type { Clock } from '#platform/clock.ts';
import { EventBodies } from '#platform/config-log/bodies.ts';
import type { Snapshots } from '#platform/config-log/snapshots.ts';
import { HttpProblem } from '#platform/http.ts';
import type { Log } from '#platform/log.ts';
import { isWrongLastSequence, natsSentence } from '#platform/nats.ts';
import type { ObjectStore } from '#platform/objects.ts';
import type { Signer } from '#platform/signing.ts';
import { MeshState, type StateEntry } from '#platform/state.ts';
import { changeSetId } from './change-set-id.ts';
import type { ConfigLog } from './config-log.ts';
import { readEntries } from './entries.ts';
import { findStream } from './streams.ts';

export interface RecoveryOptions {
  connection: NatsConnection;
  mesh: string;
  subjects: MeshSubjects;
  log: ConfigLog;
  snapshots: Snapshots;
  objects: ObjectStore;
  logger: Log;
  clock: Clock;
  signer?: Signer | undefined;
  /** Makes the log's stream when it is gone. */
  ensureStreams: () => Promise<void>;
  /** What the proxies that were heard serve. */
  served: () => Revision[];
}

/** A state that a new epoch may begin with. */
interface Source {
  revision: Revision;
  entries: StateEntry[];
}

const PUBLISH_TIMEOUT_MS = 5_000;

/**
 * Begins a new epoch on a log that was lost or restored from an older copy: one event holds the
 * whole state, and whoever follows the log takes it in place of what was before. Nothing is
 * removed; what the log still has stays its history.
 */
export class Recovery {
  readonly #options: RecoveryOptions;
  readonly #bodies: EventBodies;

  constructor(options: RecoveryOptions) {
    this.#options = options;
    this.#bodies = new EventBodies(options.objects, options.signer);
  }

  /** Throws HttpProblem: 409 when there is nothing to recover (from), 422, or 503. */
  async recover(request: RecoverRequest): Promise<RecoverResponse> {
    const { log, mesh } = this.#options;
    const given = request.from === undefined ? undefined : this.#given(request.from);
    const source = given ?? (await this.#known());
    await this.#refuseWithoutCause(request, given);
    if (source.entries.length === 0 && request.force !== true) {
      throw new HttpProblem(
        'conflict',
        'this service knows no state to recover: give a backup or the snapshot of a proxy',
      );
    }
    const event = await this.#genesis(request, source);
    await this.#publish(event);
    const revision = formatRevision({ epoch: event.epoch, sequence: event.sequence ?? 0 });
    const { entries } = source;
    return {
      ...{ revision, mesh, digest: event.digest, resources: entries.length },
      from: formatRevision(source.revision),
      lost: log.problem ?? '',
    };
  }

  #given({ epoch, sequence, digest, entries }: NonNullable<RecoverRequest['from']>): Source {
    const read = readEntries(entries, sequence, digest);
    return { revision: { epoch, sequence }, entries: read };
  }

  /** The newer of what this service has in memory and of the last snapshot. */
  async #known(): Promise<Source> {
    const { log, snapshots, logger } = this.#options;
    const { history } = log;
    const revision = { epoch: history.epoch, sequence: history.headSequence };
    const root = await snapshots.newest().catch((error: unknown) => {
      logger.warn({ why: natsSentence(error) }, 'no snapshot can be read');
      return undefined;
    });
    const kept = { epoch: root?.epoch ?? 0, sequence: root?.state.sequence ?? 0 };
    if (root !== undefined && compareRevisions(kept, revision) > 0) {
      return { revision: kept, entries: [...root.state.entries.values()] };
    }
    return { revision, entries: [...history.state.entries.values()] };
  }

  async #refuseWithoutCause(request: RecoverRequest, given: Source | undefined): Promise<void> {
    const { log } = this.#options;
    if ((await log.newerEpoch()) !== undefined) {
      throw new HttpProblem('conflict', 'the config log begins a newer epoch already; look again');
    }
    if (request.force === true || log.problem !== undefined) return;
    if (given !== undefined && log.history.lastSequence === 0) return;
    const head = log.history.revisionOf(log.history.headSequence);
    throw new HttpProblem(
      'conflict',
      `the config log is whole (${head}): nothing has to be recovered; with force a new epoch ` +
        'begins all the same',
    );
  }

  async #genesis(request: RecoverRequest, source: Source): Promise<ChangeSetEvent> {
    const { mesh, clock, served, log, signer } = this.#options;
    const sequence = (await this.#lastSequence()) + 1;
    const known: Revision[] = [
      { epoch: log.history.epoch, sequence: 0 },
      ...[source.revision, ...served()],
    ];
    const epoch = Math.max(...known.map((each) => each.epoch)) + 1;
    const entries = source.entries.toSorted((a, b) => (a.key < b.key ? -1 : 1));
    const from = formatRevision(source.revision);
    const event: ChangeSetEvent = {
      schema: EVENT_SCHEMA,
      minProxy: MIN_PROXY_VERSION,
      mesh,
      epoch,
      sequence,
      id: changeSetId(mesh, undefined, undefined).id,
      author: request.author ?? 'anonymous',
      message: request.message ?? `Recover ${from}`,
      time: new Date(clock.wallMs()).toISOString(),
      upserts: entries.map(({ resource }) => resource),
      deletes: [],
      previousDigest: new MeshState().digest,
      digest: MeshState.restore(entries, sequence).digest,
      genesis: { from },
      ages: entries.map(({ createdAt, createdTime, generation, minProxy }) => ({
        createdAt: createdAt - source.revision.sequence + sequence,
        createdTime,
        generation,
        ...(minProxy === undefined ? {} : { minProxy }),
      })),
    };
    return signer?.sign('change-set', event) ?? event;
  }

  async #lastSequence(): Promise<number> {
    const { connection, subjects, ensureStreams } = this.#options;
    try {
      await ensureStreams();
      const manager = await connection.jetstreamManager({ checkAPI: false });
      return (await findStream(manager, subjects.streams.config))?.state.last_seq ?? 0;
    } catch (error) {
      throw new HttpProblem('unavailable', `nothing was recovered: ${natsSentence(error)}`);
    }
  }

  async #publish(event: ChangeSetEvent): Promise<void> {
    const { connection, subjects } = this.#options;
    try {
      const { data } = await this.#bodies.pack(event);
      await connection.jetstream().publish(subjects.config, data, {
        msgID: event.id,
        expect: {
          lastSequence: (event.sequence ?? 1) - 1,
          streamName: subjects.streams.config,
        },
        timeout: PUBLISH_TIMEOUT_MS,
      });
    } catch (error) {
      if (isWrongLastSequence(error)) {
        throw new HttpProblem('conflict', 'somebody wrote to the config log meanwhile; try again');
      }
      throw new HttpProblem('unavailable', `nothing was recovered: ${natsSentence(error)}`);
    }
  }
}

import { Events, type NatsConnection } from 'nats';
import { HEAD_INTERVAL_MS, type LogHead } from '#contracts/events.ts';
import { type Revision, formatRevision } from '#contracts/revision.ts';
import { type MeshSubjects, meshSubjects } from '#contracts/subjects.ts';
import type { Clock } from '#platform/clock.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import { encodeJson } from '#platform/nats.ts';
import type { KeptMessage, RestoreResponse } from '#contracts/backup.ts';
import type { RecoverRequest, RecoverResponse } from '#contracts/api/config.ts';
import type { ResourceKey } from '#contracts/names.ts';
import { Snapshots } from '#platform/config-log/snapshots.ts';
import { ObjectStore } from '#platform/objects.ts';
import type { Signer } from '#platform/signing.ts';
import { Compiler } from './changes/compiler.ts';
import { Writer } from './changes/writer.ts';
import { ConfigLog } from './log/config-log.ts';
import { Archive } from './log/archive.ts';
import { Backup } from './log/backup.ts';
import { Compaction } from './log/compaction.ts';
import { History } from './log/history.ts';
import { Recovery } from './log/recovery.ts';
import { StreamError, type Wanted, ensureStreams, wantedStreams } from './log/streams.ts';
import type { ConfigMetrics } from './metrics.ts';
import { Repeat } from './repeat.ts';
import { ReceiptFeed } from './receipts/feed.ts';
import { RegistryFeed } from './registry/feed.ts';
import type { KnownProxy } from './registry/proxies.ts';

export interface PlaneOptions {
  connection: NatsConnection;
  mesh: string;
  /** Copies that new streams have. */
  replicas: number;
  clock: Clock;
  log: Log;
  metrics: ConfigMetrics;
  signer?: Signer | undefined;
  /** Messages that stay in the log when older ones go to the archive. */
  logKeep: number;
  /** The log is in a newer epoch than this plane, and can be read from its beginning again. */
  onSuperseded: () => void;
  /** A board may look different now. */
  onNews: () => void;
}

/** The least that a NATS server must take as one message. */
const PAYLOAD_BYTES_MIN = 768 * 1024;
const DOUBT_INTERVAL_MS = 2_000;
const COMPACTION_INTERVAL_MS = 5_000;

/** Everything of the config plane that lives on NATS, in one mesh, over one connection. */
export class Plane {
  readonly history: History;
  readonly log: ConfigLog;
  readonly compiler: Compiler;
  readonly writer: Writer;
  readonly registry: RegistryFeed;
  readonly receipts: ReceiptFeed;
  readonly backup: Backup;
  readonly #recovery: Recovery;
  readonly #options: PlaneOptions;
  readonly #subjects: MeshSubjects;
  #linked = true;
  #replayed = false;
  #stopped = false;
  readonly #compaction: Compaction;
  readonly #heads: Repeat;
  readonly #doubts: Repeat;
  readonly #compactions: Repeat;

  constructor(options: PlaneOptions) {
    const { mesh, clock, log, connection, metrics } = options;
    this.#options = options;
    this.#subjects = meshSubjects(mesh);
    this.history = new History(mesh);
    const objects = new ObjectStore(connection, mesh);
    const shared = { connection, mesh, subjects: this.#subjects, clock, log, metrics, objects };
    const archive = new Archive(objects);
    const snapshots = new Snapshots({ objects, mesh, log, signer: options.signer });
    this.log = new ConfigLog({
      ...shared,
      archive,
      history: this.history,
      onApplied: (_entry, changed) => this.#onApplied(changed),
      onRefused: (sequence, why) => {
        metrics.eventsRefused.inc();
        log.error({ sequence, why }, 'a message of the config log is passed over');
      },
    });
    this.compiler = new Compiler(
      this.history.state,
      () => this.history.epoch,
      () => clock.wallMs(),
    );
    this.registry = new RegistryFeed({
      ...shared,
      onProxies: options.onNews,
      onServed: (proxy, revision) => void this.log.noteServed(proxy, revision),
      onForgotten: (proxy) => this.receipts.receipts.forget(proxy),
      addresses: { allows: () => false },
    });
    this.receipts = new ReceiptFeed({
      ...shared,
      history: this.history,
      registry: this.registry.registry,
      ensureStream: () => this.#ensureReceipts(),
      onReceipt: options.onNews,
    });
    this.backup = new Backup({ ...shared, log: this.log });
    this.#recovery = new Recovery({
      ...shared,
      snapshots,
      logger: log,
      log: this.log,
      signer: options.signer,
      ensureStreams: () => this.#ensureStreams(this.#wanted()),
      served: () => [...this.registry.registry.proxies.values()].map(revisionServed),
    });
    this.#compaction = new Compaction({
      ...shared,
      ...{ archive, snapshots, log: this.log, logger: log, keep: options.logKeep },
      stream: this.#subjects.streams.config,
    });
    this.#heads = new Repeat(clock, HEAD_INTERVAL_MS, () => this.#publishHead());
    this.#doubts = new Repeat(clock, DOUBT_INTERVAL_MS, () => this.#doubt());
    this.#compactions = new Repeat(clock, COMPACTION_INTERVAL_MS, () => this.#compaction.work());
    this.writer = new Writer({
      mesh,
      log: this.log,
      compiler: this.compiler,
      clock,
      logger: log,
      audience: () => this.audience(),
      onPublished: ({ sequence, audience, tookMs }) => {
        metrics.publishSeconds.observe(tookMs / 1000);
        this.receipts.published(sequence, audience);
      },
    });
  }

  /** What keeps it from doing its work; undefined when nothing does. */
  get problem(): string | undefined {
    return this.#linked ? (this.log.problem ?? this.stalled) : 'the link to NATS is down';
  }

  /** Which of its streams cannot be read at the moment, and why; also while it starts. */
  get stalled(): string | undefined {
    return this.log.stalled ?? this.registry.stalled ?? this.receipts.stalled;
  }

  get linked(): boolean {
    return this.#linked;
  }

  async start(): Promise<void> {
    const { connection } = this.#options;
    const payloadMax = connection.info?.max_payload ?? 0;
    if (payloadMax < PAYLOAD_BYTES_MIN) {
      throw new StreamError(
        `the NATS server takes messages of ${payloadMax} bytes at most; ` +
          `set its max_payload to ${PAYLOAD_BYTES_MIN} or more`,
      );
    }
    await this.#ensureStreams(this.#wanted());
    this.#doubts.start();
    await this.log.start();
    await this.#compareSnapshot();
    this.#replayed = true;
    this.#readMesh();
    if (!this.#stopped) await this.registry.start();
    if (!this.#stopped) await this.receipts.start();
    if (this.#stopped) return;
    this.#watchLink();
    await this.#publishHead();
    this.#heads.start();
    this.#compactions.start();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([
      this.#heads.stop(),
      this.#doubts.stop(),
      this.#compactions.stop(),
      this.log.stop(),
      this.registry.stop(),
      this.receipts.stop(),
    ]);
  }

  /** Proxies that are up; of those only known from receipts the version is not known. */
  audience(): { proxy: string; version?: string }[] {
    const up = this.registry.registry
      .up()
      .map(({ heartbeat }) => ({ proxy: heartbeat.proxy, version: heartbeat.version }));
    const unheard = [...this.receipts.unheard()].map((proxy) => ({ proxy }));
    return [...up, ...unheard].sort((a, b) => (a.proxy < b.proxy ? -1 : 1));
  }

  /** Begins a new epoch; from then on another plane has to take this one's place. */
  async recover(request: RecoverRequest): Promise<RecoverResponse> {
    const answer = await this.#recovery.recover(request);
    this.#options.onSuperseded();
    return answer;
  }

  /** With the last part the log is another: another plane has to take this one's place. */
  async restore(messages: readonly KeptMessage[], isLast: boolean): Promise<RestoreResponse> {
    const sequence = await this.backup.restore(messages);
    if (isLast) this.#options.onSuperseded();
    return { sequence };
  }

  /** A snapshot outlives the log that it was made of. */
  async #compareSnapshot(): Promise<void> {
    const found = await this.#compaction.beyond();
    if (found === undefined) return;
    const head = this.history.revisionOf(this.history.headSequence);
    this.log.setLost(`a snapshot of ${formatRevision(found)} is kept, and it ends at ${head}`);
  }

  #wanted(): Wanted[] {
    return wantedStreams(this.#subjects, this.#options.replicas);
  }

  async #ensureStreams(streams: readonly Wanted[]): Promise<void> {
    const manager = await this.#options.connection.jetstreamManager({ checkAPI: false });
    await ensureStreams(manager, streams);
  }

  /** Never the config log: a log that is gone must be noticed, not replaced by an empty one. */
  async #ensureReceipts(): Promise<void> {
    const { receipts } = this.#subjects.streams;
    await this.#ensureStreams(this.#wanted().filter(({ name }) => name === receipts));
  }

  #onApplied(changed: ReadonlySet<ResourceKey>): void {
    this.compiler.moved(changed);
    if (this.#replayed && [...changed].some((key) => key.startsWith('Mesh/'))) this.#readMesh();
    this.#options.onNews();
  }

  #readMesh(): void {
    this.registry.registry.setAddresses(this.compiler.head().mesh.addresses);
  }

  #watchLink(): void {
    const { connection, log } = this.#options;
    const follow = async (): Promise<void> => {
      for await (const status of connection.status()) {
        if (status.type === Events.Disconnect) {
          this.#linked = false;
          this.registry.registry.linkDown();
        }
        if (status.type === Events.Reconnect) {
          this.#linked = true;
          this.registry.registry.linkUp();
          // Not waited for: the next loss of the link must be seen at once. It never rejects.
          void this.#publishHead();
        }
      }
    };
    follow().catch((error: unknown) => log.error({ error: sentenceOf(error) }, 'link not watched'));
  }

  /** While the log cannot be followed: does it begin a new epoch, by another service's hand? */
  async #doubt(): Promise<void> {
    if (this.log.problem === undefined || this.#stopped) return;
    try {
      if ((await this.log.newerEpoch()) !== undefined) this.#options.onSuperseded();
    } catch (error) {
      this.#options.log.debug({ error: sentenceOf(error) }, 'the log is not asked for its epoch');
    }
  }

  /** Only what the log itself confirms is told: a service that is cut off must not vouch for it. */
  async #publishHead(): Promise<void> {
    const { connection, clock, mesh, log } = this.#options;
    try {
      await this.log.catchUp();
      if (this.log.problem !== undefined || this.#stopped) return;
      const head: LogHead = {
        mesh,
        revision: { epoch: this.history.epoch, sequence: this.history.headSequence },
        digest: this.history.state.digest,
        time: new Date(clock.wallMs()).toISOString(),
      };
      connection.publish(this.#subjects.head, encodeJson(head));
    } catch (error) {
      if (!this.#stopped) log.warn({ error: sentenceOf(error) }, 'the head was not published');
    }
  }
}

function revisionServed({ heartbeat }: KnownProxy): Revision {
  return heartbeat.revision;
}

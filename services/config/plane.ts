import { Events, type NatsConnection } from 'nats';
import type { Revision } from '#contracts/revision.ts';
import { type MeshSubjects, meshSubjects } from '#contracts/subjects.ts';
import type { Clock } from '#platform/clock.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import type { Unsealer } from '#platform/sealing.ts';
import { type Signer, Trust } from '#platform/signing.ts';
import type { ResourceKey } from '#contracts/names.ts';
import { Snapshots } from '#platform/config-log/snapshots.ts';
import { ObjectStore } from '#platform/objects.ts';
import { Compiler } from './changes/compiler.ts';
import type { AudienceProxy } from './changes/effects.ts';
import { Writer } from './changes/writer.ts';
import { ConfigLog } from './log/config-log.ts';
import { Archive } from './log/archive.ts';
import { HeadPublisher } from './log/heads.ts';
import { History } from './log/history.ts';
import { LogKeeper } from './log/keeper.ts';
import { ServedComparison } from './log/served.ts';
import { StreamError, type Wanted, ensureStreams, wantedStreams } from './log/streams.ts';
import type { ConfigMetrics } from './metrics.ts';
import { ReceiptFeed } from './receipts/feed.ts';
import { RegistryFeed } from './registry/feed.ts';
import type { KnownProxy } from './registry/proxies.ts';
import { SecretCourier } from './secrets/courier.ts';
import { Vault } from './secrets/vault.ts';

export interface PlaneOptions {
  connection: NatsConnection;
  mesh: string;
  /** Copies that new streams have. */
  replicas: number;
  clock: Clock;
  log: Log;
  metrics: ConfigMetrics;
  /** Both undefined: the mesh is unsigned. */
  signer?: Signer | undefined;
  trust?: Trust | undefined;
  /** Seal and open the values of Secrets, the one in use first; absent: Secrets are refused. */
  sealing?: readonly [Unsealer, ...Unsealer[]] | undefined;
  /** Messages that stay in the log when older ones go to the archive. */
  logKeep: number;
  /** The log is in a newer epoch than this plane, and can be read from its beginning again. */
  onSuperseded: () => void;
  /** A board may look different now. */
  onNews: () => void;
}

/** The least that a NATS server must take as one message. */
const PAYLOAD_BYTES_MIN = 768 * 1024;

/** Everything of the config plane that lives on NATS, in one mesh, over one connection. */
export class Plane {
  readonly history: History;
  readonly log: ConfigLog;
  readonly compiler: Compiler;
  readonly writer: Writer;
  readonly registry: RegistryFeed;
  readonly receipts: ReceiptFeed;
  /** Absent: this service takes no Secrets. */
  readonly #courier: SecretCourier | undefined;
  readonly keeper: LogKeeper;
  readonly #heads: HeadPublisher;
  readonly #options: PlaneOptions;
  readonly #subjects: MeshSubjects;
  #linked = true;
  #replayed = false;
  #stopped = false;

  constructor(options: PlaneOptions) {
    const { mesh, clock, log, connection, metrics, signer } = options;
    const trust =
      signer === undefined ? options.trust : (options.trust ?? new Trust([])).including(signer);
    this.#options = options;
    this.#subjects = meshSubjects(mesh);
    this.history = new History(mesh, trust);
    const objects = new ObjectStore(connection, this.#subjects.objects);
    const shared = {
      ...{ connection, mesh, subjects: this.#subjects, clock, log, metrics, objects },
      ...{ signer, trust },
    };
    const archive = new Archive(objects);
    const snapshots = new Snapshots(shared);
    this.log = new ConfigLog({
      ...shared,
      archive,
      history: this.history,
      onApplied: (_entry, changed) => this.#onApplied(changed),
      onRefused: (sequence, why, sentence) => {
        metrics.eventsRefused.inc({ why });
        log.error({ sequence, why: sentence }, 'a message of the config log is passed over');
      },
    });
    this.compiler = new Compiler(
      this.history.state,
      () => this.history.epoch,
      () => clock.wallMs(),
    );
    const secrets = this.#secrets(trust);
    this.#courier = secrets?.courier;
    const served = new ServedComparison({ mesh, log: this.log, logger: log, trust });
    this.registry = new RegistryFeed({
      ...shared,
      replicas: options.replicas,
      onProxies: () => {
        options.onNews();
        this.#courier?.heard();
      },
      onServed: (heartbeat) => void served.heard(heartbeat),
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
    const ofLog = { ...shared, log: this.log, logger: log };
    this.#heads = new HeadPublisher(ofLog);
    this.keeper = new LogKeeper({
      ...{ ...ofLog, archive, snapshots, keep: options.logKeep },
      ensureStreams: () => this.#ensureStreams(this.#wanted()),
      served: () => [...this.registry.registry.proxies.values()].map(revisionServed),
      onSuperseded: options.onSuperseded,
    });
    this.writer = this.#newWriter(secrets?.vault);
  }

  #newWriter(vault: Vault | undefined): Writer {
    const { mesh, clock, log: logger, metrics } = this.#options;
    return new Writer({
      ...{ mesh, log: this.log, compiler: this.compiler, vault, clock, logger },
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
    return (
      this.log.stalled ?? this.registry.stalled ?? this.receipts.stalled ?? this.#courier?.stalled
    );
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
    this.keeper.watch();
    await this.log.start();
    await this.keeper.compare();
    this.#replayed = true;
    this.#readMesh();
    if (!this.#stopped) await this.registry.start();
    if (!this.#stopped) await this.receipts.start();
    if (!this.#stopped) await this.#courier?.start();
    if (this.#stopped) return;
    this.#watchLink();
    await this.#heads.start();
    this.keeper.compact();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const parts = [this.log, this.registry, this.receipts, this.#courier, this.#heads, this.keeper];
    await Promise.all(parts.map(async (part) => part?.stop()));
  }

  /** Proxies that are up; of those only known from receipts the version is not known. */
  audience(): AudienceProxy[] {
    const up = this.registry.registry
      .up()
      .map(({ heartbeat: { proxy, version, role, workload } }): AudienceProxy => {
        return { proxy, version, role, workload };
      });
    const unheard = [...this.receipts.unheard()].map((proxy) => ({ proxy }));
    return [...up, ...unheard].sort((a, b) => (a.proxy < b.proxy ? -1 : 1));
  }

  /** Who may have a Secret is said by signed grants alone: without them there are no Secrets. */
  #secrets(trust: Trust | undefined): { vault: Vault; courier: SecretCourier } | undefined {
    const { connection, mesh, clock, log, signer, sealing } = this.#options;
    if (signer === undefined || trust === undefined || sealing === undefined) return undefined;
    const shared = { mesh, connection, subjects: this.#subjects };
    const objects = new ObjectStore(connection, this.#subjects.vault);
    const vault = new Vault({ mesh, objects, keys: sealing });
    const courier = new SecretCourier({
      ...{ ...shared, vault, signer, trust, clock, log },
      state: () => this.history.state,
      compiled: () => this.compiler.head(),
      proxies: () => this.registry.registry.heartbeats(),
    });
    return { vault, courier };
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
    this.#courier?.news();
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
          this.registry.linkUp();
          // Not waited for: the next loss of the link must be seen at once.
          void this.#heads.publish();
        }
      }
    };
    follow().catch((error: unknown) => log.error({ error: sentenceOf(error) }, 'link not watched'));
  }
}

function revisionServed({ heartbeat }: KnownProxy): Revision {
  return heartbeat.revision;
}

import { Events, type NatsConnection } from 'nats';
import { HEAD_INTERVAL_MS, type LogHead } from '#contracts/events.ts';
import { type MeshSubjects, meshSubjects } from '#contracts/subjects.ts';
import type { Clock, Timer } from '#platform/clock.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import { encodeJson } from '#platform/nats.ts';
import type { Unsealer } from '#platform/sealing.ts';
import { type Signer, Trust } from '#platform/signing.ts';
import type { ResourceKey } from '#contracts/names.ts';
import { Compiler } from './changes/compiler.ts';
import type { AudienceProxy } from './changes/effects.ts';
import { Writer } from './changes/writer.ts';
import { ConfigLog } from './log/config-log.ts';
import { History } from './log/history.ts';
import { StreamError, type Wanted, ensureStreams, wantedStreams } from './log/streams.ts';
import type { ConfigMetrics } from './metrics.ts';
import { ReceiptFeed } from './receipts/feed.ts';
import { RegistryFeed } from './registry/feed.ts';
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
  readonly #options: PlaneOptions;
  readonly #subjects: MeshSubjects;
  #linked = true;
  #replayed = false;
  #stopped = false;
  #headTimer: Timer | undefined;

  constructor(options: PlaneOptions) {
    const { mesh, clock, log, connection, metrics, signer } = options;
    const trust =
      signer === undefined ? options.trust : (options.trust ?? new Trust([])).including(signer);
    this.#options = options;
    this.#subjects = meshSubjects(mesh);
    this.history = new History(mesh, trust);
    const shared = {
      connection,
      mesh,
      subjects: this.#subjects,
      clock,
      log,
      metrics,
      signer,
      trust,
    };
    this.log = new ConfigLog({
      ...shared,
      history: this.history,
      onApplied: (_entry, changed) => this.#onApplied(changed),
      onRefused: (sequence, why, sentence) => {
        metrics.eventsRefused.inc({ why });
        log.error({ sequence, why: sentence }, 'a message of the config log is passed over');
      },
    });
    this.compiler = new Compiler(this.history.state, this.history.epoch, () => clock.wallMs());
    const secrets = this.#secrets(trust);
    this.#courier = secrets?.courier;
    this.registry = new RegistryFeed({
      ...shared,
      replicas: options.replicas,
      onProxies: () => {
        options.onNews();
        this.#courier?.heard();
      },
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
    this.writer = new Writer({
      mesh,
      log: this.log,
      compiler: this.compiler,
      vault: secrets?.vault,
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
    await this.#ensureStreams(wantedStreams(this.#subjects, this.#options.replicas));
    await this.log.start();
    this.#replayed = true;
    this.#readMesh();
    if (!this.#stopped) await this.registry.start();
    if (!this.#stopped) await this.receipts.start();
    if (!this.#stopped) await this.#courier?.start();
    if (this.#stopped) return;
    this.#watchLink();
    await this.#publishHead();
    this.#headLater();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#headTimer?.cancel();
    const parts = [this.log, this.registry, this.receipts, this.#courier];
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
    const vault = new Vault({ ...shared, keys: sealing });
    const courier = new SecretCourier({
      ...{ ...shared, vault, signer, trust, clock, log },
      state: () => this.history.state,
      compiled: () => this.compiler.head(),
      proxies: () => this.registry.registry.heartbeats(),
    });
    return { vault, courier };
  }

  async #ensureStreams(streams: readonly Wanted[]): Promise<void> {
    const manager = await this.#options.connection.jetstreamManager({ checkAPI: false });
    await ensureStreams(manager, streams);
  }

  /** Never the config log: a log that is gone must be noticed, not replaced by an empty one. */
  async #ensureReceipts(): Promise<void> {
    const { receipts } = this.#subjects.streams;
    const wanted = wantedStreams(this.#subjects, this.#options.replicas);
    await this.#ensureStreams(wanted.filter(({ name }) => name === receipts));
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
          // Not waited for: the next loss of the link must be seen at once. It never rejects.
          void this.#publishHead();
        }
      }
    };
    follow().catch((error: unknown) => log.error({ error: sentenceOf(error) }, 'link not watched'));
  }

  #headLater(): void {
    this.#headTimer = this.#options.clock.after(HEAD_INTERVAL_MS, () => {
      void this.#publishHead().then(() => this.#headLater());
    });
  }

  /** Only what the log itself confirms is told: a service that is cut off must not vouch for it. */
  async #publishHead(): Promise<void> {
    const { connection, clock, mesh, log, signer } = this.#options;
    try {
      await this.log.catchUp();
      if (this.log.problem !== undefined || this.#stopped) return;
      const head: LogHead = {
        mesh,
        revision: { epoch: this.history.epoch, sequence: this.history.headSequence },
        digest: this.history.state.digest,
        time: new Date(clock.wallMs()).toISOString(),
      };
      connection.publish(this.#subjects.head, encodeJson(signer?.sign('head', head) ?? head));
    } catch (error) {
      if (!this.#stopped) log.warn({ error: sentenceOf(error) }, 'the head was not published');
    }
  }
}

import { Events, type JsMsg, type NatsConnection, type StreamState } from 'nats';
import type { Announcement, Receipt, ServiceEndpoints } from '#contracts/events.ts';
import type { ProxyGrant } from '#contracts/signing.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import type { Clock, Random, Timer } from '#platform/clock.ts';
import { EventBodies } from '#platform/config-log/bodies.ts';
import { Snapshots } from '#platform/config-log/snapshots.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import { ObjectStore } from '#platform/objects.ts';
import type { Trust } from '#platform/signing.ts';
import type { Identity } from '../identity.ts';
import type { Alarms } from './alarms.ts';
import type { Applier } from './applier.ts';
import { Stall } from './stall.ts';
import type { Verdict } from './verdict.ts';
import { EndpointFollower } from './endpoint-follower.ts';
import { type Begin, StreamFollower } from './follow-stream.ts';
import { HeadWatch } from './heads.ts';
import { Heartbeats, defendName } from './heartbeats.ts';
import { LogPosition } from './position.ts';
import { receiptProblems } from './receipt-problems.ts';
import { Receipts } from './receipts.ts';
import { followSecrets } from './secret-follower.ts';
import type { Secrets } from './secrets.ts';

export interface LinkOptions {
  connection: NatsConnection;
  identity: Identity;
  workers: number;
  applier: Applier;
  endpoints: (announced: ServiceEndpoints) => void;
  announces: () => Announcement | undefined;
  /** Whose signatures are believed; undefined: the mesh is unsigned. */
  trust?: Trust | undefined;
  alarms: Alarms;
  grant?: ProxyGrant | undefined;
  /** Absent: this proxy has no key that Secrets could be sealed to. */
  secrets?: Pick<Secrets, 'take'> | undefined;
  clock: Clock;
  random: Random;
  log: Log;
}

/** A stalled watch is noticed within twice this time. */
const CHECK_INTERVAL_MS = 15_000;

/**
 * This proxy's side of the config plane: it follows the config log and the endpoints, says what it
 * applied, and that it lives. The subscription is never trusted alone: the proxy compares its
 * revision with the log's, and begins anew when it was left behind.
 */
export class ConfigLink {
  readonly #options: LinkOptions;
  readonly #config: StreamFollower;
  readonly #endpoints: EndpointFollower;
  readonly #secrets: StreamFollower | undefined;
  readonly #bodies: EventBodies;
  readonly #position: LogPosition;
  readonly #receipts: Receipts;
  readonly #heartbeats: Heartbeats;
  readonly #heads: HeadWatch;
  readonly #unsubscribe: (() => void)[] = [];
  #check: Timer | undefined;
  readonly #stall = new Stall();
  #behind = 0;
  #up = true;
  #stopped = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    const { connection, identity, applier, clock, random, log, alarms, trust } = options;
    const { mesh } = identity;
    const subjects = meshSubjects(mesh);
    const { streams, config } = subjects;
    const objects = new ObjectStore(connection, subjects.objects);
    this.#bodies = new EventBodies(objects);
    const snapshots = new Snapshots({ objects, mesh, log, trust });
    this.#position = new LogPosition({ applier, snapshots, subject: config, alarms, log });
    this.#receipts = new Receipts({ connection, clock, random, log });
    this.#heartbeats = new Heartbeats({
      connection,
      identity,
      workers: options.workers,
      clock,
      up: () => this.#up,
      served: () => applier.served,
      announces: options.announces,
      head: () => (trust === undefined ? undefined : this.#heads.newest),
      ...(options.grant === undefined ? {} : { grant: options.grant }),
    });
    this.#heads = new HeadWatch({ mesh, trust, clock, alarms });
    this.#config = new StreamFollower({
      ...{ connection, random, log, consumer: identity.proxy },
      stream: streams.config,
      begin: (state) => this.#beginConfig(state),
      message: (message) => this.#onEvent(message),
    });
    this.#endpoints = new EndpointFollower(options);
    this.#secrets = options.secrets && followSecrets(options.secrets, options);
  }

  start(): void {
    const { connection, identity } = this.#options;
    const defence = defendName(connection, identity);
    const heads = connection.subscribe(meshSubjects(identity.mesh).head, {
      callback: (error, message) => {
        if (error === null) this.#onHead(message.data);
      },
    });
    this.#unsubscribe.push(
      () => defence.unsubscribe(),
      () => heads.unsubscribe(),
    );
    this.#heartbeats.start();
    this.#heads.reached(this.#options.applier.revision);
    this.#heads.start();
    // What came from disk was served before there was a link to say so over.
    const { verdict } = this.#options.applier;
    if (verdict !== undefined) this.tell(verdict);
    // First: a state may ask for them.
    this.#secrets?.start();
    this.#config.start();
    this.#endpoints.start();
    this.#watchLink();
    this.#scheduleCheck();
  }

  /** Revisions of the log that this proxy does not serve yet. */
  get behind(): number {
    return this.#behind;
  }

  get connected(): boolean {
    return this.#up && this.#config.problem === undefined && !this.#options.connection.isClosed();
  }

  tell(verdict: Verdict): void {
    const { identity, clock } = this.#options;
    const receipt: Receipt = {
      mesh: identity.mesh,
      proxy: identity.proxy,
      instance: identity.instance,
      revision: verdict.revision,
      result: verdict.result,
      logDigest: verdict.logDigest,
      problems: receiptProblems(verdict.problems),
      time: new Date(clock.wallMs()).toISOString(),
      lagMs: Math.round(verdict.lagMs),
      applyMs: Math.round(verdict.applyMs * 1_000) / 1_000,
    };
    this.#receipts.send(receipt);
  }

  /** Readiness or what is announced has changed. */
  changed(): void {
    this.#heartbeats.changed();
  }

  /** The proxy is about to leave: nobody should send it more. */
  async draining(): Promise<void> {
    this.#heartbeats.draining();
    await this.#flushed();
  }

  /** Says goodbye and closes the connection. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#check?.cancel();
    this.#heads.stop();
    this.#receipts.stop();
    this.#heartbeats.goodbye();
    const { connection } = this.#options;
    await this.#flushed();
    if (!connection.isClosed()) for (const end of this.#unsubscribe) end();
    const followers = [this.#config, this.#endpoints, this.#secrets];
    await Promise.all(followers.map(async (each) => each?.stop()));
    await connection.close();
  }

  /** Waits until the server has what was published, or a short time when it is away. */
  async #flushed(): Promise<void> {
    const { connection, clock } = this.#options;
    if (connection.isClosed()) return;
    await Promise.race([
      connection.flush().catch((error: unknown) => {
        this.#options.log.debug({ error: sentenceOf(error) }, 'the goodbye may not have arrived');
      }),
      new Promise<void>((resolve) => clock.after(FLUSH_TIMEOUT_MS, resolve)),
    ]);
  }

  async #beginConfig(stream: StreamState): Promise<Begin> {
    const begin = await this.#position.begin(stream);
    this.#behind = Math.max(0, stream.last_seq - this.#options.applier.position);
    return begin;
  }

  async #onEvent(message: JsMsg): Promise<boolean> {
    const { seq: sequence, data: proof } = message;
    const { pending } = message.info;
    const { applier } = this.#options;
    if (this.#position.isKnown(message)) return this.#position.isOurs(message);
    const data = await this.#bodies.whole(proof);
    const goOn = await applier.accept({ sequence, data, proof, more: pending > 0 });
    this.#heads.reached(applier.revision);
    this.#behind = pending;
    return goOn;
  }

  /** The head that the config service publishes: a state of the same revision must be the same. */
  #onHead(data: Uint8Array): void {
    const { applier, log } = this.#options;
    const head = this.#heads.take(data);
    if (head === undefined) return;
    const { epoch, sequence } = head.revision;
    const isOther = sequence === applier.state.sequence && head.digest !== applier.state.digest;
    if (epoch > applier.epoch || (epoch === applier.epoch && isOther)) {
      void applier.resync().then((begun) => {
        if (!begun) return;
        log.error({ sequence }, 'this state is not the log’s; reading the whole log again');
        this.#config.restart();
      });
    } else {
      this.#compare(sequence);
    }
  }

  #compare(last: number): void {
    const { position } = this.#options.applier;
    this.#behind = Math.max(0, last - position);
    if (!this.#stall.isStalled(last, position)) return;
    this.#options.log.warn({ last, revision: position }, 'left behind by the log; reading anew');
    this.#config.restart();
  }

  #scheduleCheck(): void {
    const { clock } = this.#options;
    this.#check = clock.after(CHECK_INTERVAL_MS, () => {
      void Promise.all([this.#checkHead(), this.#receipts.verify()]).finally(() => {
        if (!this.#stopped) this.#scheduleCheck();
      });
    });
  }

  async #checkHead(): Promise<void> {
    const { connection, identity, log } = this.#options;
    try {
      const manager = await connection.jetstreamManager({ checkAPI: false });
      const { streams } = meshSubjects(identity.mesh);
      const { last_seq: last } = (await manager.streams.info(streams.config)).state;
      this.#heads.streamEnds(last);
      this.#compare(last);
    } catch (error) {
      log.debug({ error: sentenceOf(error) }, 'the head of the log cannot be asked for');
    }
  }

  /** After a reconnect the server may have lost consumers, receipts and who lives. */
  #watchLink(): void {
    const { connection, log } = this.#options;
    const watch = async (): Promise<void> => {
      for await (const status of connection.status()) {
        if (status.type === Events.Disconnect) this.#up = false;
        if (status.type !== Events.Reconnect || this.#stopped) continue;
        this.#up = true;
        this.#heartbeats.now();
        this.#receipts.sendAgain();
        this.#config.restart();
        this.#endpoints.restart();
        this.#secrets?.restart();
      }
    };
    watch().catch((error: unknown) => log.error({ error: sentenceOf(error) }, 'no link status'));
  }
}

const FLUSH_TIMEOUT_MS = 500;

import { DeliverPolicy, Events, type JsMsg, type NatsConnection } from 'nats';
import type { Announcement, LogHead, Receipt, ServiceEndpoints } from '#contracts/events.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import type { Clock, Random, Timer } from '#platform/clock.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import { decodeJson } from '#platform/nats.ts';
import type { Identity } from '../identity.ts';
import type { Applier, Verdict } from './applier.ts';
import { readEndpoints } from './endpoints.ts';
import { StreamFollower } from './follow-stream.ts';
import { Heartbeats, defendName } from './heartbeats.ts';
import { Receipts } from './receipts.ts';

export interface LinkOptions {
  connection: NatsConnection;
  identity: Identity;
  workers: number;
  applier: Applier;
  endpoints: (announced: ServiceEndpoints) => void;
  announces: () => Announcement | undefined;
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
  readonly #endpoints: StreamFollower;
  readonly #receipts: Receipts;
  readonly #heartbeats: Heartbeats;
  readonly #unsubscribe: (() => void)[] = [];
  #check: Timer | undefined;
  /** Newest sequence seen at the last check; still not reached at the next one: stalled. */
  #headSeen = 0;
  #behind = 0;
  #up = true;
  #stopped = false;
  #lostTold = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    const { connection, identity, applier, clock, random, log } = options;
    const { streams, config, allEndpoints } = meshSubjects(identity.mesh);
    this.#receipts = new Receipts({ connection, clock, random, log });
    this.#heartbeats = new Heartbeats({
      connection,
      identity,
      workers: options.workers,
      clock,
      up: () => this.#up,
      served: () => applier.served,
      announces: options.announces,
    });
    this.#config = new StreamFollower({
      ...{ connection, random, log },
      stream: streams.config,
      begin: (last) => this.#beginConfig(last, config),
      message: (message) => this.#onEvent(message),
    });
    this.#endpoints = new StreamFollower({
      ...{ connection, random, log },
      stream: streams.endpoints,
      begin: () => ({ deliver_policy: DeliverPolicy.LastPerSubject, filter_subject: allEndpoints }),
      message: (message) => this.#onEndpoints(message),
    });
  }

  start(): void {
    const { connection, identity } = this.#options;
    const defence = defendName(connection, identity);
    const heads = connection.subscribe(meshSubjects(identity.mesh).head, {
      callback: (error, message) => {
        if (error === null) this.#onHead(decodeJson(message.data) as LogHead | undefined);
      },
    });
    this.#unsubscribe.push(
      () => defence.unsubscribe(),
      () => heads.unsubscribe(),
    );
    this.#heartbeats.start();
    // What came from disk was served before there was a link to say so over.
    const { verdict } = this.#options.applier;
    if (verdict !== undefined) this.tell(verdict);
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
      problems: verdict.problems,
      time: new Date(clock.wallMs()).toISOString(),
      lagMs: Math.round(verdict.lagMs),
      applyMs: Math.round(verdict.applyMs * 1_000) / 1_000,
    };
    this.#receipts.send(receipt);
  }

  /** Readiness or what is announced has changed. */
  changed(): void {
    this.#heartbeats.now();
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
    this.#receipts.stop();
    this.#heartbeats.goodbye();
    const { connection } = this.#options;
    await this.#flushed();
    if (!connection.isClosed()) for (const end of this.#unsubscribe) end();
    await Promise.all([this.#config.stop(), this.#endpoints.stop()]);
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

  #beginConfig(last: number, subject: string) {
    const { applier, log } = this.#options;
    const { sequence } = applier.state;
    this.#behind = Math.max(0, last - sequence);
    if (last < sequence) {
      // Served on from what is known: a shorter log is never taken as the order to go back.
      if (!this.#lostTold) {
        log.error({ last, revision: sequence }, 'the config log ends before the revision served');
      }
      this.#lostTold = true;
      return undefined;
    }
    this.#lostTold = false;
    if (last === sequence) void applier.reachedHead();
    applier.begins();
    return {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: sequence + 1,
      filter_subject: subject,
    };
  }

  async #onEvent(message: JsMsg): Promise<boolean> {
    const { pending } = message.info;
    const goOn = await this.#options.applier.accept(message.seq, message.data, pending > 0);
    this.#behind = pending;
    return goOn;
  }

  async #onEndpoints(message: JsMsg): Promise<boolean> {
    const { identity, log } = this.#options;
    const announced = readEndpoints(message.data, identity.mesh);
    if (announced === undefined) {
      log.error({ subject: message.subject }, 'a message about endpoints is not readable');
    } else {
      this.#options.endpoints(announced);
    }
    return true;
  }

  /** The head that the config service publishes: a state of the same revision must be the same. */
  #onHead(head: LogHead | undefined): void {
    const { applier, identity, log } = this.#options;
    if (head === undefined || head.mesh !== identity.mesh) return;
    const { sequence } = head.revision;
    if (sequence === applier.state.sequence && head.digest !== applier.state.digest) {
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
    const { sequence } = this.#options.applier.state;
    this.#behind = Math.max(0, last - sequence);
    if (this.#headSeen > sequence && last >= this.#headSeen) {
      this.#options.log.warn({ last, revision: sequence }, 'left behind by the log; reading anew');
      this.#headSeen = 0;
      this.#config.restart();
    } else {
      this.#headSeen = last;
    }
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
      this.#compare((await manager.streams.info(streams.config)).state.last_seq);
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
      }
    };
    watch().catch((error: unknown) => log.error({ error: sentenceOf(error) }, 'no link status'));
  }
}

const FLUSH_TIMEOUT_MS = 500;

import type { NatsConnection } from 'nats';
import type { Heartbeat } from '#contracts/events.ts';
import type { ResourceKey } from '#contracts/names.ts';
import { type SecretMessage, type SecretPart, secretContext } from '#contracts/secrets.ts';
import type { ProxyGrant } from '#contracts/signing.ts';
import { AUTHORITY_KEY } from '#contracts/resources/index.ts';
import type { MeshSubjects } from '#contracts/subjects.ts';
import type { Clock, Timer } from '#platform/clock.ts';
import type { Log } from '#platform/log.ts';
import { decodeJson, encodeJson, natsSentence, pause } from '#platform/nats.ts';
import { seal } from '#platform/sealing.ts';
import type { Signer, Trust } from '#platform/signing.ts';
import type { MeshState } from '#platform/state.ts';
import type { CompiledSnapshot } from '#proxy/pure.ts';
import { Follower } from '../log/follow.ts';
import { type Needs, secretNeeds } from './needs.ts';
import type { Values, Vault } from './vault.ts';

export interface CourierOptions {
  mesh: string;
  connection: NatsConnection;
  subjects: MeshSubjects;
  vault: Vault;
  signer: Signer;
  /** Who may say which key a proxy's Secrets are sealed to. */
  trust: Trust;
  /** The head, and the head compiled. */
  state: () => MeshState;
  compiled: () => CompiledSnapshot;
  /** The last heartbeat of each proxy that is known. */
  proxies: () => Iterable<Heartbeat>;
  clock: Clock;
  log: Log;
}

/** What lies, or should lie, on one subject. */
interface Parcel {
  proxy: string;
  secret: string;
  digest: string;
  part: SecretPart;
  sealTo: string;
}

interface Judged {
  grant: ProxyGrant;
  signature: string;
  why: string | undefined;
  told: string | undefined;
}

const PUBLISH_TIMEOUT_MS = 3_000;
const RETRY_MS = 1_000;
const HEARD_TOGETHER_MS = 250;

/**
 * Brings each proxy the Secrets that it needs, sealed to the key in its grant, and takes back what
 * it needs no longer. Every config service does so by itself: what two of them send means the same.
 */
export class SecretCourier {
  readonly #options: CourierOptions;
  readonly #abort = new AbortController();
  /** What lies in the stream, by subject. */
  readonly #there = new Map<string, Parcel>();
  /** What each proxy's grant was found to be worth. */
  readonly #grants = new Map<string, Judged>();
  #follower: Follower | undefined;
  #isNews = false;
  #running: Promise<void> | undefined;
  #hearing: Timer | undefined;
  #told = '';

  constructor(options: CourierOptions) {
    this.#options = options;
  }

  /** Resolves when it knows what lies in the stream. */
  async start(): Promise<void> {
    const { connection, subjects, log } = this.#options;
    await new Promise<void>((resolve) => {
      this.#follower = new Follower({
        connection,
        stream: subjects.streams.secrets,
        from: () => {
          this.#there.clear();
          return 'last-per-subject';
        },
        onMessage: ({ subject, data }) => {
          const parcel = parcelIn(data);
          if (parcel !== undefined) this.#there.set(subject, parcel);
        },
        onCaughtUp: resolve,
        log,
      });
    });
    this.news();
  }

  get stalled(): string | undefined {
    return this.#follower?.problem;
  }

  /** The mesh, or who is in it, may be another. */
  news(): void {
    this.#isNews = true;
    if (this.#abort.signal.aborted || this.#follower === undefined) return;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Heartbeats come by the hundred a second, and few of them are of somebody new. */
  heard(): void {
    this.#hearing ??= this.#options.clock.after(HEARD_TOGETHER_MS, () => {
      this.#hearing = undefined;
      this.news();
    });
  }

  async stop(): Promise<void> {
    this.#hearing?.cancel();
    this.#abort.abort();
    await this.#follower?.stop();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    while (this.#isNews && !signal.aborted) {
      // News of the same moment come together.
      await Promise.resolve();
      this.#isNews = false;
      try {
        await this.#reconcile();
        this.#told = '';
      } catch (error) {
        const sentence = `a Secret could not be brought to its proxies: ${natsSentence(error)}`;
        if (sentence !== this.#told) this.#options.log.error(sentence);
        this.#told = sentence;
        this.#isNews = true;
        await pause(RETRY_MS, signal).catch(() => undefined);
      }
    }
  }

  async #reconcile(): Promise<void> {
    const wanted = new Map<string, Parcel>();
    const known = new Set<string>();
    const snapshot = this.#options.compiled();
    // Proxies with like grants need the same: there are many sidecars, and few kinds of them.
    const needsOf = new Map<string, Needs>();
    for (const heartbeat of this.#options.proxies()) {
      known.add(heartbeat.proxy);
      const grant = this.#grantOf(heartbeat);
      if (grant?.sealTo === undefined) continue;
      const kind = JSON.stringify([grant.service === undefined, grant.gateways]);
      const needs = needsOf.get(kind) ?? secretNeeds(snapshot, grant);
      needsOf.set(kind, needs);
      this.#addWanted(grant.proxy, grant.sealTo, needs, wanted);
    }
    await this.#takeBack(wanted, known);
    const opened = new Map<string, Values | undefined>();
    for (const [subject, parcel] of wanted) {
      if (this.#abort.signal.aborted) return;
      if (isSame(this.#there.get(subject), parcel)) continue;
      const { digest } = parcel;
      if (!opened.has(digest)) opened.set(digest, await this.#options.vault.values(digest));
      const values = opened.get(digest);
      if (values === undefined) {
        throw new Error(`the values of Secret ${parcel.secret} are not in the object store`);
      }
      await this.#send(subject, parcel, values);
    }
  }

  #addWanted(proxy: string, sealTo: string, needs: Needs, wanted: Map<string, Parcel>): void {
    const { entries } = this.#options.state();
    for (const [secret, part] of needs) {
      const resource = entries.get(`Secret/${secret}` as ResourceKey)?.resource;
      const digest = resource?.kind === 'Secret' ? resource.sealed?.digest : undefined;
      if (digest === undefined) continue;
      const subject = this.#options.subjects.secret(proxy, digest.replace(/^.*:/, ''));
      wanted.set(subject, { proxy, secret, digest, part, sealTo });
    }
  }

  /** What nobody needs; of a proxy that is not known now, only what is in no Secret any more. */
  async #takeBack(wanted: ReadonlyMap<string, Parcel>, known: ReadonlySet<string>): Promise<void> {
    const { connection, subjects, state } = this.#options;
    const { entries } = state();
    const isCurrent = ({ secret, digest }: Parcel): boolean => {
      const resource = entries.get(`Secret/${secret}` as ResourceKey)?.resource;
      return resource?.kind === 'Secret' && resource.sealed?.digest === digest;
    };
    for (const [subject, parcel] of this.#there) {
      if (wanted.has(subject) || (!known.has(parcel.proxy) && isCurrent(parcel))) continue;
      const manager = await connection.jetstreamManager({ checkAPI: false });
      await manager.streams.purge(subjects.streams.secrets, { filter: subject });
      this.#there.delete(subject);
    }
  }

  async #send(subject: string, parcel: Parcel, values: Values): Promise<void> {
    const { connection, mesh, signer } = this.#options;
    const { part, sealTo } = parcel;
    const given = part === 'all' ? values : authoritiesOf(values);
    const context = secretContext({ mesh, ...parcel });
    const box = seal(sealTo, context, JSON.stringify(given));
    const message = signer.sign<SecretMessage>('secret', { mesh, ...parcel, box });
    const data = encodeJson(message);
    await connection.jetstream().publish(subject, data, { timeout: PUBLISH_TIMEOUT_MS });
    this.#there.set(subject, parcel);
  }

  /** Of a proxy's last heartbeat; undefined, and told once, where it is worth nothing. */
  #grantOf(heartbeat: Heartbeat): ProxyGrant | undefined {
    const { proxy, grant } = heartbeat;
    if (grant === undefined) return undefined;
    const signature = grant.signature?.value ?? '';
    const before = this.#grants.get(proxy);
    const known = before?.signature === signature ? before : undefined;
    const why = known === undefined ? this.#refusalOf(grant, proxy) : known.why;
    const { notAfter } = grant;
    const isOver = notAfter !== undefined && Date.parse(notAfter) <= this.#options.clock.wallMs();
    const refusal = isOver ? `its grant ended at ${notAfter}` : why;
    if (refusal !== undefined && refusal !== before?.told) {
      this.#options.log.error({ proxy, why: refusal }, 'no Secrets for this proxy');
    }
    // What was verified is what is used: a heartbeat may repeat a signature over other words.
    const verified = known?.grant ?? grant;
    this.#grants.set(proxy, { signature, why, told: refusal, grant: verified });
    return refusal === undefined ? verified : undefined;
  }

  #refusalOf(grant: ProxyGrant, proxy: string): string | undefined {
    const { mesh, trust } = this.#options;
    const refusal = trust.refusalOf('grant', grant);
    if (refusal !== undefined) return `its grant ${refusal}`;
    const isOwn = grant.mesh === mesh && grant.proxy === proxy;
    return isOwn ? undefined : `its grant is for ${grant.mesh}/${grant.proxy}`;
  }
}

function authoritiesOf(values: Values): Values {
  const ca = values[AUTHORITY_KEY];
  return ca === undefined ? {} : { [AUTHORITY_KEY]: ca };
}

function parcelIn(data: Uint8Array): Parcel | undefined {
  const message = decodeJson(data) as Partial<SecretMessage> | undefined;
  const { proxy, secret, digest, part, sealTo } = message ?? {};
  if (proxy === undefined || secret === undefined || digest === undefined) return undefined;
  if (part === undefined || sealTo === undefined) return undefined;
  return { proxy, secret, digest, part, sealTo };
}

function isSame(a: Parcel | undefined, b: Parcel): boolean {
  return a !== undefined && a.secret === b.secret && a.part === b.part && a.sealTo === b.sealTo;
}

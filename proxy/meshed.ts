import type { NatsConnection } from 'nats';
import type { ServiceEndpoints } from '#contracts/events.ts';
import { proxyInbox } from '#contracts/subjects.ts';
import { readCredential } from '#platform/credential.ts';
import { sentenceOf } from '#platform/log.ts';
import { connectNats, pause } from '#platform/nats.ts';
import { ExitError } from '#platform/process.ts';
import { Unsealer } from '#platform/sealing.ts';
import { UNSIGNED_WARNING } from '#platform/trust-fields.ts';
import type { Trust } from '#platform/signing.ts';
import { trustOf } from '#platform/trust.ts';
import type { LinkState, ProxyParts, Source } from './run.ts';
import { Alarms } from './snapshot/alarms.ts';
import { Applier } from './snapshot/applier.ts';
import { EndpointBook } from './snapshot/endpoints.ts';
import { isNameTaken } from './snapshot/heartbeats.ts';
import { ConfigLink } from './snapshot/link.ts';
import { Secrets } from './snapshot/secrets.ts';
import { secretKey } from './tls/secrets.ts';
import { SnapshotStore } from './snapshot/store.ts';

/** With NATS there, the name is claimed before anything is served; without it, disk must do. */
const WAIT_FOR_NATS_MS = 1_000;
/** Between the news that this proxy leaves and the end of accepting: callers hear of it. */
const LEAVING_MS = 300;

/** Configuration from the mesh's log, with the last good snapshot on disk behind it. */
export async function openMeshed(parts: ProxyParts): Promise<Source> {
  const source = new MeshSource(parts);
  await source.open();
  return source;
}

class MeshSource implements Source {
  readonly #parts: ProxyParts;
  readonly #applier: Applier;
  readonly #store: SnapshotStore;
  readonly #endpoints = new EndpointBook();
  readonly #trust: Trust | undefined;
  readonly #secrets: Secrets | undefined;
  readonly #alarms: Alarms;
  readonly #abort = new AbortController();
  #link: ConfigLink | undefined;

  constructor(parts: ProxyParts) {
    this.#parts = parts;
    const { settings, quarantine, clock, log } = parts;
    const { mesh } = settings.identity;
    const trust = trustOf(settings.trust);
    const alarms = new Alarms(clock, log);
    this.#trust = trust;
    this.#alarms = alarms;
    if (trust === undefined) log.warn(UNSIGNED_WARNING);
    const { credential } = settings;
    // Without trust the credential means nothing: what is on disk is believed as it is.
    const own =
      credential === undefined || trust === undefined
        ? undefined
        : { trust, unsealer: new Unsealer(credential.sealKey, 'the credential') };
    this.#secrets = own && openSecrets(parts, own);
    this.#store = new SnapshotStore({
      ...{ dir: settings.dataDir, mesh, clock, log, trust },
      ownCode: own && (() => own.unsealer.fileCode()),
      refused: (sentence) => alarms.refused('snapshot', sentence),
    });
    this.#applier = new Applier({
      ...{ mesh, fleet: quarantine, clock, log, trust },
      refused: (sentence) => alarms.refused('event', sentence),
      verdict: (verdict) => this.#link?.tell(verdict),
      applied: (served) => {
        this.#save();
        parts.served(served);
        this.#link?.changed();
      },
    });
  }

  async open(): Promise<void> {
    const { settings, log, fatal } = this.#parts;
    const { nats, identity } = settings;
    if (nats === undefined) throw new ExitError(2, 'there is no NATS to read configuration from');
    const { url, credsFile, credentialFile, caFile } = nats;
    const connecting = connectNats({
      ...{ url, credsFile, caFile },
      name: `proxy ${identity.mesh}/${identity.proxy}`,
      ...(credentialFile === undefined
        ? {}
        : { creds: () => readCredential(credentialFile).natsCreds }),
      ca: settings.credential?.natsCa,
      inbox: proxyInbox(identity.proxy),
      log,
      signal: this.#abort.signal,
    });
    const linked = connecting.then((connection) => this.#claim(connection));
    linked.catch((error: unknown) => {
      if (!this.#abort.signal.aborted) fatal(error);
    });
    const waited = pause(WAIT_FOR_NATS_MS).then(() => undefined);
    const connection = await Promise.race([linked, waited]);
    await this.#restore();
    if (connection !== undefined) this.#startLink(connection);
    else linked.then((late) => this.#startLink(late)).catch(() => undefined);
  }

  served(): ReturnType<Source['served']> {
    return this.#applier.served;
  }

  link(): LinkState {
    const { connected = false, behind = 0 } = this.#link ?? {};
    const { standing, counts } = this.#alarms;
    return { connected, behind, alarms: standing, refused: counts };
  }

  async draining(): Promise<void> {
    if (this.#link === undefined || !this.#link.connected) return;
    await this.#link.draining();
    await pause(LEAVING_MS);
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#store.flush();
    await this.#secrets?.flush();
    await this.#link?.stop();
  }

  async #claim(connection: NatsConnection): Promise<NatsConnection> {
    const { identity } = this.#parts.settings;
    if (!(await isNameTaken(connection, identity))) return connection;
    await connection.close();
    throw new ExitError(
      1,
      `a live proxy of mesh ${identity.mesh} is named ${identity.proxy} already; ` +
        'choose another --name or stop that one',
    );
  }

  async #restore(): Promise<void> {
    const { log } = this.#parts;
    const stored = await this.#store.load();
    if (stored === undefined) return;
    for (const announced of stored.endpoints) {
      const refusal = this.#trust?.refusalOf('endpoints', announced);
      if (refusal === undefined) this.#setEndpoints(announced, false);
      else this.#refuseEndpoints(announced, `${refusal} (on disk)`);
    }
    const { state, epoch, held, proof } = stored;
    await this.#secrets?.restore((name) => state.entries.has(secretKey(name)));
    this.#parts.quarantine.restore(state, { epoch, sequence: state.sequence }, held);
    await this.#applier.restore(state, epoch, proof);
    log.info({ revision: stored.state.sequence }, 'started from the snapshot on disk');
  }

  #startLink(connection: NatsConnection): void {
    const { settings, fleet, clock, log, announces } = this.#parts;
    if (this.#abort.signal.aborted) {
      connection.close().catch((error: unknown) => log.debug({ error: sentenceOf(error) }, 'nats'));
      return;
    }
    this.#link = new ConfigLink({
      ...{ connection, clock, log, announces },
      trust: this.#trust,
      alarms: this.#alarms,
      grant: settings.credential?.grant,
      secrets: this.#secrets,
      identity: settings.identity,
      workers: fleet.workers,
      applier: this.#applier,
      endpoints: (announced) => this.#setEndpoints(announced, true),
      random: Math.random,
    });
    this.#link.start();
  }

  #setEndpoints(announced: ServiceEndpoints, save: boolean): void {
    if (!this.#endpoints.set(announced)) {
      this.#refuseEndpoints(announced, 'is older than the last one');
      return;
    }
    this.#parts.fleet.setEndpoints(announced);
    if (save && this.#applier.served !== undefined) this.#save();
  }

  #refuseEndpoints({ service }: ServiceEndpoints, why: string): void {
    this.#alarms.refused('endpoints', `a set of endpoints is refused: it ${why}`, { service });
  }

  #save(): void {
    this.#store.save(() => {
      const { state, epoch, served, proof } = this.#applier;
      // In the middle of reading: the next state that comes into service is saved again.
      if (served?.logDigest !== state.digest) return undefined;
      // The empty log has no message that could vouch for it, and nothing that is worth keeping.
      if (this.#trust !== undefined && proof === undefined) return undefined;
      const held = this.#parts.quarantine.heldVersions;
      const endpoints = this.#endpoints.all();
      return { epoch, state: state.clone(), held, endpoints, proof };
    });
  }
}

function openSecrets(
  { settings, fleet, log }: ProxyParts,
  { trust, unsealer }: { trust: Trust; unsealer: Unsealer },
): Secrets {
  const { mesh, proxy } = settings.identity;
  return new Secrets({
    ...{ mesh, proxy, trust, dir: settings.dataDir, log, unsealer },
    given: fleet.setSecrets.bind(fleet),
  });
}

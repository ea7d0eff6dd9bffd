import type { NatsConnection } from 'nats';
import type { ServiceEndpoints } from '#contracts/events.ts';
import { sentenceOf } from '#platform/log.ts';
import { connectNats, pause } from '#platform/nats.ts';
import { ExitError } from '#platform/process.ts';
import type { ProxyParts, Source } from './run.ts';
import { Applier } from './snapshot/applier.ts';
import { EndpointBook } from './snapshot/endpoints.ts';
import { isNameTaken } from './snapshot/heartbeats.ts';
import { ConfigLink } from './snapshot/link.ts';
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
  readonly #abort = new AbortController();
  #link: ConfigLink | undefined;

  constructor(parts: ProxyParts) {
    this.#parts = parts;
    const { settings, fleet, clock, log } = parts;
    const { mesh } = settings.identity;
    this.#store = new SnapshotStore({ dir: settings.dataDir, mesh, clock, log });
    this.#applier = new Applier({
      ...{ mesh, fleet, clock, log },
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
    const connecting = connectNats({
      url: nats.url,
      name: `proxy ${identity.mesh}/${identity.proxy}`,
      ...(nats.credsFile === undefined ? {} : { credsFile: nats.credsFile }),
      ...(nats.caFile === undefined ? {} : { caFile: nats.caFile }),
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

  state(): ReturnType<Source['state']> {
    return this.#applier.state;
  }

  link(): { connected: boolean; behind: number } {
    const { connected = false, behind = 0 } = this.#link ?? {};
    return { connected, behind };
  }

  async draining(): Promise<void> {
    if (this.#link === undefined || !this.#link.connected) return;
    await this.#link.draining();
    await pause(LEAVING_MS);
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#store.flush();
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
    for (const announced of stored.endpoints) this.#setEndpoints(announced, false);
    await this.#applier.restore(stored.state, stored.epoch);
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
      identity: settings.identity,
      workers: fleet.workers,
      applier: this.#applier,
      endpoints: (announced) => this.#setEndpoints(announced, true),
      random: Math.random,
    });
    this.#link.start();
  }

  #setEndpoints(announced: ServiceEndpoints, save: boolean): void {
    this.#endpoints.set(announced);
    this.#parts.fleet.setEndpoints(announced);
    if (save && this.#applier.served !== undefined) this.#save();
  }

  #save(): void {
    this.#store.save(() => {
      const { state, epoch, served } = this.#applier;
      // In the middle of reading: the next state that comes into service is saved again.
      if (served?.logDigest !== state.digest) return undefined;
      return { epoch, state: state.clone(), endpoints: this.#endpoints.all() };
    });
  }
}

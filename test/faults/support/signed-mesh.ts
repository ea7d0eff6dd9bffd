import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { type NatsConnection } from 'nats';
import type { ChangeSetResponse, InfoResponse, ProxyList } from '#contracts/api/config.ts';
import { type ChangeSetEvent, EVENT_SCHEMA, type Receipt } from '#contracts/events.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import { encodeJson } from '#platform/nats.ts';
import { Signer, Trust, newSigningKeys } from '#platform/signing.ts';
import { natsUrl, tempDir, uniqueMesh } from '#test/parts.ts';
import {
  type Api,
  eventually,
  natsClient,
  startService,
} from '../../integration/config/support.ts';
import type { ConfigServiceOptions } from '../../../services/config/service.ts';
import { type ProxyProcess, startProxy } from '../../integration/proxy/proxy-process.ts';

/** A key pair with its public key in a file. */
export interface TestKey {
  signer: Signer;
  publicKey: string;
  file: string;
}

export function testKey(name: string): TestKey {
  const { privateKey, publicKey } = newSigningKeys();
  const file = path.join(tempDir(), `${name}.pem`);
  writeFileSync(file, publicKey);
  return { signer: new Signer(privateKey, name), publicKey, file };
}

export const trustIn = (...keys: TestKey[]): Trust =>
  new Trust(keys.map(({ publicKey, file }) => ({ pem: publicKey, from: file })));

/** A mesh whose change-sets are signed, and somebody who may publish on its NATS but has no key. */
export class SignedMesh {
  readonly name = uniqueMesh();
  readonly key = testKey('key');
  readonly stranger = testKey('stranger');
  readonly connection: NatsConnection;

  private constructor(connection: NatsConnection) {
    this.connection = connection;
  }

  static async start(): Promise<SignedMesh> {
    return new SignedMesh(await natsClient());
  }

  /** A config service that signs with `key` and believes `also` beside it. */
  async service(
    key = this.key,
    also: TestKey[] = [],
    more: Partial<ConfigServiceOptions> = {},
  ): Promise<{ api: Api; stop: () => Promise<void> }> {
    return startService(this.name, { signer: key.signer, trust: trustIn(...also), ...more });
  }

  proxy(trust: TestKey[] = [this.key], options: { url?: string; dataDir?: string } = {}) {
    const { url = natsUrl(), ...more } = options;
    const files = trust.flatMap(({ file }) => ['--trust', file]);
    const flags = ['--name', 'edge-1', '--mesh', this.name, '--nats', url, ...files];
    return startProxy(flags, more);
  }

  /** Puts anything into the log; answers its sequence. */
  async forge(value: unknown): Promise<number> {
    const data = value instanceof Uint8Array ? value : encodeJson(value);
    const ack = await this.connection.jetstream().publish(meshSubjects(this.name).config, data);
    return ack.seq;
  }

  /** The bytes of a message of the log, as an eavesdropper keeps them. */
  async message(sequence: number): Promise<Uint8Array> {
    const manager = await this.connection.jetstreamManager();
    const { config } = meshSubjects(this.name).streams;
    return (await manager.streams.getMessage(config, { seq: sequence })).data;
  }

  /** The bytes that stand in the endpoints stream for `shop/echo`. */
  async published(): Promise<Uint8Array> {
    const manager = await this.connection.jetstreamManager();
    const { streams, endpoints } = meshSubjects(this.name);
    const query = { last_by_subj: endpoints('shop', 'echo') };
    return (await manager.streams.getMessage(streams.endpoints, query)).data;
  }

  /** A change-set that fits behind a state in all but its signature. */
  event(sequence: number, digest: string, more: Partial<ChangeSetEvent> = {}): ChangeSetEvent {
    return {
      ...{ schema: EVENT_SCHEMA, minProxy: '0.1.0', mesh: this.name, epoch: 1, sequence },
      ...{ id: `forged-${sequence}`, author: 'mallory', message: '', upserts: [], deletes: [] },
      ...{ time: new Date().toISOString(), previousDigest: digest, digest },
      ...more,
    };
  }

  head(value: object): void {
    this.connection.publish(meshSubjects(this.name).head, encodeJson(value));
  }

  /** Puts anything in the place of the endpoints of `shop/echo`. */
  async forgeEndpoints(value: unknown): Promise<void> {
    const data = value instanceof Uint8Array ? value : encodeJson(value);
    const subject = meshSubjects(this.name).endpoints('shop', 'echo');
    await this.connection.jetstream().publish(subject, data);
  }
}

/** Waits for the newest receipt of `edge-1` to be that of a revision. */
export async function receiptOf(
  api: Api,
  sequence: number,
  result?: Receipt['result'],
): Promise<Receipt> {
  let receipt: Receipt | undefined;
  await eventually(`the proxy speaks of ${sequence}`, async () => {
    const { body } = await api.get<ProxyList>('/v1/proxies');
    receipt = body.items.find(({ proxy }) => proxy === 'edge-1')?.receipt;
    if (receipt?.revision.sequence !== sequence) return false;
    return result === undefined || receipt.result === result;
  });
  if (receipt === undefined) throw new Error('no receipt');
  return receipt;
}

export async function revisionOf(api: Api): Promise<string> {
  return (await api.get<InfoResponse>('/v1/info')).body.revision;
}

export const sequenceOf = ({ revision }: ChangeSetResponse): number =>
  Number(revision.split('-')[1]);

/** Value of a line of a config service's /metrics; 0 when there is none. */
export async function metric(api: Api, name: string): Promise<number> {
  return valueOf((await api.get<string>('/metrics')).body, name);
}

/** How often a proxy has refused something; waits until it can say so. */
export async function refusals(proxy: ProxyProcess, what: string): Promise<number> {
  await eventually('the admin port listens', () =>
    proxy.log().some(({ msg }) => msg === 'admin port'),
  );
  return valueOf((await proxy.admin('/metrics')).body, `windrose_proxy_refused{what="${what}"}`);
}

function valueOf(text: string, name: string): number {
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return Number(line?.slice(name.length) ?? 0);
}

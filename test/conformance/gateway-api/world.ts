import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ResourceRef } from '#contracts/names.ts';
import type { Issued } from '#platform/x509.ts';
import type { CertificateFiles } from '#proxy/tls/certificate.ts';
import { tempDir } from '#test/parts.ts';
import { onTestFinished } from 'vitest';
import { World as MeshWorld } from '../../unit/proxy/support/world.ts';
import { type Pair, Pod, type PodKind, type PodTls, SET_HEADERS } from './backends.ts';
import { type Answer, type Asked, type Tls, ask, askHttp2 } from './client.ts';
import { type Outcome, compare, expectedOf } from './expectation.ts';
import { type Call, type CallOutcome, compareCall, sendCall } from './grpc.ts';
import { namespace, qualified, service, slice } from './manifests.ts';
import { LiveProxy } from './proxy.ts';
import { Statuses, keyOf } from './status.ts';

export interface At {
  /** Of the listener; default 80, over TLS 443. */
  port?: number;
  tls?: Tls;
  /** By HTTP/2, in the clear with prior knowledge. */
  isHttp2?: boolean;
}

export type Case = readonly [asked: Asked, outcome: Outcome];

/** The Services that every test of the suite finds, and what their servers speak. */
const SERVICES = [
  ...['infra-backend-v1', 'infra-backend-v2', 'infra-backend-v3'],
  ...['app-backend/app-backend-v1', 'app-backend/app-backend-v2', 'web-backend/web-backend'],
].map(qualified);

const NAMESPACES = [
  namespace('infra', { conformance: 'infra' }),
  namespace('app-backend', { conformance: 'backend' }),
  namespace('web-backend', { conformance: 'backend' }),
];

/** Servers that a file's tests share. */
const shared = new Map<string, Promise<Pod>>();

function sharedPod(name: string): Promise<Pod> {
  let pod = shared.get(name);
  if (pod === undefined) {
    pod = new Pod(name).start();
    shared.set(name, pod);
  }
  return pod;
}

export async function stopSharedPods(): Promise<void> {
  const pods = await Promise.all(shared.values());
  shared.clear();
  await Promise.all(pods.map((pod) => pod.stop()));
}

/** Resources, a live proxy for each Gateway among them, and the suite's servers behind these. */
export class World {
  readonly mesh = new MeshWorld();
  readonly status = new Statuses(this.mesh, () =>
    [...this.#proxies.values()].flatMap(({ problems }) => problems),
  );
  readonly #proxies = new Map<string, LiveProxy>();
  readonly #certificates: CertificateFiles[] = [];
  #folder: string | undefined;

  static async start(): Promise<World> {
    const world = new World();
    const pods = await Promise.all(SERVICES.map(sharedPod));
    world.mesh.apply(
      ...NAMESPACES,
      ...pods.flatMap(({ service: name, port }) => [service(name), slice(name, [{ port }])]),
    );
    onTestFinished(async () => {
      await Promise.all([...world.#proxies.values()].map((proxy) => proxy.stop()));
    });
    return world;
  }

  /** A server of this test alone, with its Service (absent: one of those that are there). */
  async pod(
    name: string,
    kind: PodKind,
    more: { tls?: PodTls; port?: { name?: string; appProtocol?: string }; hasService?: false } = {},
  ): Promise<Pod> {
    const pod = await new Pod(qualified(name), kind, more.tls).start();
    onTestFinished(() => pod.stop());
    const ports = [{ port: 8080, ...more.port }];
    const portName = more.port?.name === undefined ? {} : { name: more.port.name };
    if (more.hasService !== false) {
      this.mesh.apply(service(name, ports), slice(name, [{ ...portName, port: pod.port }]));
    }
    return pod;
  }

  /** What a test finds in one of the shared servers. */
  shared(name: string): Promise<Pod> {
    return sharedPod(qualified(name));
  }

  /** A Secret or ConfigMap as proxies have them: files. To be called before the Gateway is. */
  secret(
    name: string,
    issued: Pair | undefined,
    authorities?: readonly Issued[] | 'written later',
  ): void {
    const full = qualified(name);
    const path = (kind: string): string => this.#file(name, kind);
    if (issued !== undefined) {
      writeFileSync(path('cert'), issued.cert);
      writeFileSync(path('key'), issued.key);
    }
    if (Array.isArray(authorities)) this.changeAuthorities(name, authorities);
    this.#certificates.push({
      name: full,
      cert: issued === undefined ? undefined : path('cert'),
      key: issued === undefined ? undefined : path('key'),
      ca: authorities === undefined ? undefined : path('ca'),
    });
  }

  /** Writes the file again, as an operator does. */
  changeAuthorities(name: string, authorities: readonly Issued[]): void {
    writeFileSync(this.#file(name, 'ca'), authorities.map(({ cert }) => cert).join(''));
  }

  #file(name: string, kind: string): string {
    this.#folder ??= tempDir();
    return join(this.#folder, `${qualified(name).replace('/', '.')}.${kind}.pem`);
  }

  /** All of them in one change, and the proxies have it when this resolves. */
  async apply(...documents: readonly object[]): Promise<void> {
    this.mesh.apply(...documents);
    await this.#serve();
  }

  async delete(...refs: ResourceRef[]): Promise<void> {
    this.mesh.delete(...refs);
    await this.#serve();
  }

  /** How often a resource has changed. */
  generation(short: string): number {
    return this.mesh.state.entries.get(keyOf(short))?.generation ?? 0;
  }

  /** The proxy of a Gateway. */
  gateway(name: string): LiveProxy {
    const proxy = this.#proxies.get(qualified(name));
    if (proxy === undefined) throw new Error(`there is no Gateway ${name}`);
    return proxy;
  }

  port(gateway: string, at: At = {}): number {
    return this.gateway(gateway).port(at.port ?? (at.tls === undefined ? 80 : 443));
  }

  ask(gateway: string, asked: Asked, at: At = {}): Promise<Answer> {
    return askAt(this.port(gateway, at), asked, at);
  }

  /** Sends each request and compares what comes with what the test demands. */
  async expect(gateway: string, cases: readonly Case[], at: At = {}): Promise<void> {
    await expectAt(this.port(gateway, at), cases, at);
  }

  /** Calls of gRPC, like `expect`. */
  async expectCalls(
    gateway: string,
    cases: readonly (readonly [Call, CallOutcome])[],
  ): Promise<void> {
    await Promise.all(
      cases.map(async ([asked, outcome]) => {
        compareCall(asked, outcome, await sendCall(this.port(gateway), asked));
      }),
    );
  }

  /** The share of each backend among so many requests. */
  shares(gateway: string, asked: Asked, count = 500): Promise<Record<string, number>> {
    return sharesAt(this.port(gateway), asked, count);
  }

  /** A proxy beside those of Gateways, which has every change too and ends with the test. */
  add(name: string, proxy: LiveProxy): void {
    this.#proxies.set(name, proxy);
  }

  async #serve(): Promise<void> {
    const { entries } = this.mesh.state;
    for (const { resource } of entries.values()) {
      if (resource.kind !== 'Gateway') continue;
      const name = `${resource.metadata.namespace ?? ''}/${resource.metadata.name}`;
      if (this.#proxies.has(name)) continue;
      this.#proxies.set(name, LiveProxy.gateway(name, this.#certificates));
    }
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.apply(this.mesh.state)));
  }
}

export function askAt(port: number, asked: Asked, { isHttp2, tls }: At): Promise<Answer> {
  return (isHttp2 === true ? askHttp2 : ask)(port, asked, tls);
}

/** Sends each request to a port, and compares what comes. */
export async function expectAt(port: number, cases: readonly Case[], at: At = {}): Promise<void> {
  await Promise.all(
    cases.map(async ([asked, outcome]) => {
      const expected = expectedOf(outcome);
      const sets = Object.entries(expected.sets ?? {}).map(([name, value]) => `${name}:${value}`);
      const more = sets.length === 0 ? {} : { [SET_HEADERS]: sets.join(',') };
      const sent = { ...asked, headers: { ...asked.headers, ...more } };
      const answer = await askAt(port, sent, at);
      compare(asked, expected, answer, at.tls !== undefined);
    }),
  );
}

export async function sharesAt(
  port: number,
  asked: Asked,
  count: number,
): Promise<Record<string, number>> {
  const shares: Record<string, number> = {};
  for (let sent = 0; sent < count; sent++) {
    const { status, echo } = await askAt(port, asked, {});
    const from = echo === undefined ? String(status) : echo.pod.replace(/-\d+$/, '');
    shares[from] = (shares[from] ?? 0) + 1 / count;
  }
  return shares;
}

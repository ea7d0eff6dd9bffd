// The suite's mesh: two versions of a program and a consumer, each behind its own sidecar.
import type { PodKind } from './backends.ts';
import type { Asked } from './client.ts';
import { type Call, type CallOutcome, compareCall, sendCall } from './grpc.ts';
import { type Parent, namespace, resource, route, service, slice } from './manifests.ts';
import { LiveProxy } from './proxy.ts';
import { type Case, type World, askAt, expectAt, sharesAt } from './world.ts';

export const [V1, V2] = ['mesh/echo-v1', 'mesh/echo-v2'] as const;
const WORKLOADS = [V1, V2, 'mesh-consumer/echo-v1'];
const OUTBOUND = 15001;
const INBOUND = 15006;
/** A local port of each sidecar that stands for port 80 of a Service, whatever the Host is. */
const LOCAL = { 'mesh/echo-v1': 15101, 'mesh/echo-v2': 15102 } as const;

const PORTS = [
  { name: 'http', port: 80, appProtocol: 'http' },
  { name: 'http-alt', port: 8080, appProtocol: 'http' },
  { name: 'grpc', port: 7070, appProtocol: 'kubernetes.io/h2c' },
];

interface From {
  /** Whose call it is; default: one of `echo-v1`. */
  workload?: (typeof WORKLOADS)[number];
  /** Through the local port of this Service in place of by Host. */
  through?: keyof typeof LOCAL;
}

export class Mesh {
  readonly #world: World;
  readonly #sidecars = new Map<string, LiveProxy>();

  constructor(world: World) {
    this.#world = world;
  }

  /** With programs that speak HTTP/1.1, or gRPC. */
  static async start(world: World, kind: PodKind = 'http'): Promise<Mesh> {
    const mesh = new Mesh(world);
    const documents = [
      namespace('mesh', { conformance: 'mesh' }),
      namespace('mesh-consumer', { conformance: 'mesh-consumer' }),
      // What a pod's own address is called by is no Service.
      {
        ...resource('Mesh', 'mesh', { outbound: { unknownHosts: 'Allow' } }),
        ...{ apiVersion: 'windrose.dev/v1', metadata: { name: 'mesh' } },
      },
      ...[...WORKLOADS, 'mesh/echo'].map((name) => service(name, PORTS)),
    ];
    for (const workload of WORKLOADS) {
      const app = await world.pod(workload, kind, { hasService: false });
      const at = { host: '127.0.0.1' };
      const sidecar = LiveProxy.sidecar(workload, app.port, {
        inbound: { ...at, port: INBOUND },
        outbound: { ...at, port: OUTBOUND },
        outboundPorts: Object.entries(LOCAL).map(([name, port]) => ({
          callee: { service: name, port: 80 },
          at: { ...at, port },
        })),
      });
      mesh.#sidecars.set(workload, sidecar);
      world.add(workload, sidecar);
    }
    await world.apply(...documents);
    await world.apply(
      ...[V1, V2].map((workload) => {
        const port = mesh.#sidecar(workload).port(INBOUND);
        const ports = PORTS.map(({ name }) => ({ name, port }));
        const document = slice('mesh/echo', ports) as { metadata: object };
        const name = `echo-of-${workload.split('/')[1] ?? ''}`;
        return { ...document, metadata: { ...document.metadata, name } };
      }),
    );
    mesh.#announce();
    return mesh;
  }

  /** A route of `mesh/echo` where no other parent is given. */
  async apply(
    name: string,
    rules: readonly object[],
    {
      parent = ECHO,
      kind = 'HTTPRoute',
    }: { parent?: object; kind?: 'HTTPRoute' | 'GRPCRoute' } = {},
  ): Promise<void> {
    const full = name.includes('/') ? name : `mesh/${name}`;
    const parents: readonly Parent[] = [parent];
    await this.#world.apply(route(kind, full, parents, rules));
    this.#world.status.accepted(
      { kind: 'Service', ...(parent as { name: string }) },
      `${kind}/${full}`,
    );
  }

  /** Requests for `echo` where no other host is given. */
  async expect(cases: readonly Case[], from: From = {}): Promise<void> {
    const hosted = cases.map(([asked, outcome]): Case => [{ host: 'echo', ...asked }, outcome]);
    await expectAt(this.#port(from), hosted);
  }

  async ask(asked: Asked, from: From = {}) {
    return askAt(this.#port(from), { host: 'echo', ...asked }, {});
  }

  async expectCalls(cases: readonly (readonly [Call, CallOutcome])[]): Promise<void> {
    for (const [asked, outcome] of cases) {
      const hosted = { authority: 'echo:7070', ...asked };
      compareCall(hosted, outcome, await sendCall(this.#port({}), hosted));
    }
  }

  call(asked: Call) {
    return sendCall(this.#port({}), { authority: 'echo:7070', ...asked });
  }

  shares(asked: Asked, count = 500): Promise<Record<string, number>> {
    return sharesAt(this.#port({}), { host: 'echo', ...asked }, count);
  }

  /** `address:port` of a workload as its pod has it. */
  podAddress(workload: string): string {
    return `127.0.0.1:${this.#sidecar(workload).port(INBOUND)}`;
  }

  #port({ workload = V1, through }: From): number {
    return this.#sidecar(workload).port(through === undefined ? OUTBOUND : LOCAL[through]);
  }

  #sidecar(workload: string): LiveProxy {
    const sidecar = this.#sidecars.get(workload);
    if (sidecar === undefined) throw new Error(`there is no workload ${workload}`);
    return sidecar;
  }

  /** As the registry does: every proxy hears where each workload can be reached. */
  #announce(): void {
    for (const [name, sidecar] of this.#sidecars) {
      const endpoint = { address: '127.0.0.1', port: sidecar.port(INBOUND), proxy: name, zone: '' };
      for (const each of this.#sidecars.values()) {
        each.announce({ mesh: 'mesh', service: name, endpoints: [endpoint], time: '' });
      }
    }
  }
}

/** The parent that most of the suite's mesh routes have. */
const ECHO = { group: '', kind: 'Service', name: 'echo', port: 80 };

/** A Service of `mesh` as a parent, on one of its ports or all. */
export function parentOf(name: string, port?: number, more: object = {}): object {
  return { group: '', kind: 'Service', name, ...(port === undefined ? {} : { port }), ...more };
}

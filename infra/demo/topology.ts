import { freeList } from '#local/ports.ts';

/** The applications of the shop, each a process of its own beside a sidecar of its own. */
export type ApplicationName =
  'storefront' | 'catalog' | 'reviews-v1' | 'reviews-v2' | 'orders' | 'payments';

export interface Application {
  name: ApplicationName;
  /** Module in `apps/`. */
  module: string;
  version: string;
  /** Services that it calls through its sidecar, by the host names it uses. */
  calls: readonly string[];
}

export const NAMESPACE = 'shop';
export const GATEWAY_PROXY = 'edge';
export const GATEWAY_WORKERS = 2;

export const APPLICATIONS: readonly Application[] = [
  {
    name: 'storefront',
    module: 'storefront.ts',
    version: 'v1',
    calls: ['catalog.shop', 'reviews.shop', 'orders.shop'],
  },
  { name: 'catalog', module: 'catalog.ts', version: 'v1', calls: [] },
  { name: 'reviews-v1', module: 'reviews.ts', version: 'v1', calls: [] },
  { name: 'reviews-v2', module: 'reviews.ts', version: 'v2', calls: [] },
  { name: 'orders', module: 'orders.ts', version: 'v1', calls: ['payments.shop'] },
  { name: 'payments', module: 'payments.ts', version: 'v1', calls: [] },
];

/** Name of the proxy beside an application. */
export function sidecarOf(application: ApplicationName): string {
  return `${application}-1`;
}

/** Every proxy of the shop. */
export const PROXIES: readonly string[] = [
  GATEWAY_PROXY,
  ...APPLICATIONS.map((application) => sidecarOf(application.name)),
];

export interface ApplicationPorts {
  /** The application itself. */
  app: number;
  /** Its sidecar's door for what others send. */
  inbound: number;
  /** Its sidecar's door for what it sends. */
  outbound: number;
}

export interface ServicePorts {
  config: number;
  analytics: number;
  alerting: number;
}

export interface EdgePorts {
  edge: number;
  /** The same over TLS. */
  edgeTls: number;
}

export interface ShopPorts extends ServicePorts, EdgePorts {
  applications: Record<ApplicationName, ApplicationPorts>;
}

/** The ports that the manifests name; `shopResources` moves them with the base. */
export const MANIFEST_EDGE_PORTS: EdgePorts = { edge: 7_080, edgeTls: 7_443 };
/** Where the demo's receiver of alerts listens, counted from the base. */
export const ONCALL_OFFSET = 190;

/**
 * The demo's ports on base 7000: edge 7080 and, over TLS, 7443; services 7400, 7410, 7420; the
 * applications from 7101 on, ten apart in the order above: application, inbound, outbound
 * (storefront 7101, 7102, 7103; catalog 7111, 7112, 7113; …); the receiver of alerts 7190.
 */
export function shopPorts(base: number): ShopPorts {
  return {
    edge: base + 80,
    edgeTls: base + 443,
    ...servicePorts(base),
    applications: byApplication((index) => {
      const first = base + 101 + 10 * index;
      return { app: first, inbound: first + 1, outbound: first + 2 };
    }),
  };
}

export function servicePorts(base: number): ServicePorts {
  return { config: base + 400, analytics: base + 410, alerting: base + 420 };
}

/** Free ports for all of it, so that a test's shop lives beside the demo. */
export async function freeShopPorts(): Promise<ShopPorts> {
  const free = await freeList(5 + 3 * APPLICATIONS.length);
  const next = (): number => free.pop() ?? 0;
  return {
    edge: next(),
    edgeTls: next(),
    config: next(),
    analytics: next(),
    alerting: next(),
    applications: byApplication(() => ({ app: next(), inbound: next(), outbound: next() })),
  };
}

/** Every port of the shop with what it is for. */
export function portList(ports: ShopPorts): [port: number, what: string][] {
  const services = (['config', 'analytics', 'alerting'] as const).map((name): [number, string] => [
    ports[name],
    `the ${name} service`,
  ]);
  const applications = APPLICATIONS.flatMap(({ name }): [number, string][] => {
    const { app, inbound, outbound } = ports.applications[name];
    const sidecar = `the sidecar of ${name}`;
    return [
      [app, name],
      [inbound, sidecar],
      [outbound, sidecar],
    ];
  });
  return [
    [ports.edge, "the demo's edge"],
    [ports.edgeTls, "the demo's edge over TLS"],
    ...services,
    ...applications,
  ];
}

function byApplication(
  portsOf: (index: number) => ApplicationPorts,
): Record<ApplicationName, ApplicationPorts> {
  const entries = APPLICATIONS.map(({ name }, index) => [name, portsOf(index)] as const);
  return Object.fromEntries(entries) as Record<ApplicationName, ApplicationPorts>;
}

/**
 * Keys of the demo's consumers. They are public: their hashes stand in manifests/consumers.yaml,
 * and nothing but the demo may use them.
 */
export const DEMO_KEYS = {
  acme: 'wr_demo_acme_5f0c2a9be1d74c38a6',
  globex: 'wr_demo_globex_91b7e3d2c04f4a5d8b',
  initech: 'wr_demo_initech_2c8d41f7a96b4e03be',
} as const;

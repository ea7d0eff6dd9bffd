import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PartName } from '#local/part.ts';
import type { MeshPaths } from '#platform/mesh/folder.ts';
import type { ProcessGroup, ProcessSpec } from './group.ts';
import type { ServicePorts } from './topology.ts';

/** The services of Windrose, in the order in which they are shown. */
export const SERVICE_NAMES = ['config', 'analytics', 'alerting'] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

/** What each service cannot do without. */
export const PARTS_OF: Readonly<Record<ServiceName, readonly PartName[]>> = {
  config: ['nats'],
  analytics: ['kafka', 'clickhouse'],
  alerting: ['nats', 'clickhouse'],
};

/** Where NATS, Kafka and ClickHouse are, in the words of the environment. */
export interface PartAddresses {
  NATS_URL?: string;
  KAFKA_BROKERS?: string;
  CLICKHOUSE_URL?: string;
}

export interface ServicesOptions {
  mesh: string;
  ports: ServicePorts;
  dataDir: string;
  addresses: PartAddresses;
  /** Notification targets of alerts: name to URL. */
  webhooks?: Readonly<Record<string, string>>;
  /** Base URL of an OTLP/HTTP receiver. */
  otlp?: string;
  /** Keys and credentials of the mesh, where its NATS asks for them. */
  keys?: MeshPaths | undefined;
  only?: readonly ServiceName[];
}

const HOST = '127.0.0.1';

export function serviceUrls(ports: ServicePorts): Record<ServiceName, string> {
  return {
    config: `http://${HOST}:${ports.config}`,
    analytics: `http://${HOST}:${ports.analytics}`,
    alerting: `http://${HOST}:${ports.alerting}`,
  };
}

/** Starts the services in a group; resolves when each has said that it is ready. */
export async function startServices(group: ProcessGroup, options: ServicesOptions): Promise<void> {
  const names = options.only ?? SERVICE_NAMES;
  await Promise.all(names.map((name) => group.start(serviceSpec(name, options))));
}

export function serviceSpec(name: ServiceName, options: ServicesOptions): ProcessSpec {
  const dataDir = join(options.dataDir, name);
  mkdirSync(dataDir, { recursive: true });
  return {
    name,
    module: moduleOf(`services/${name}/main.ts`),
    args: ['--listen', `${HOST}:${options.ports[name]}`, ...flagsOf(name, options)],
    env: { ...commonEnv(options), ...keysEnv(name, options.keys), WINDROSE_DATA_DIR: dataDir },
  };
}

function keysEnv(name: ServiceName, keys: MeshPaths | undefined): Record<string, string> {
  if (keys === undefined || name === 'analytics') return {};
  const own = { NATS_CREDS: keys.creds[name], NATS_CA: keys.nats.ca, WINDROSE_TRUST: keys.trust };
  if (name !== 'config') return own;
  const { signingKey, sealingKey } = keys;
  return { ...own, WINDROSE_SIGNING_KEY: signingKey, WINDROSE_SEALING_KEY: sealingKey };
}

function flagsOf(name: ServiceName, options: ServicesOptions): string[] {
  const urls = serviceUrls(options.ports);
  switch (name) {
    case 'config':
      return ['--analytics', urls.analytics, '--alerting', urls.alerting];
    case 'analytics':
      return [];
    case 'alerting':
      return Object.entries(options.webhooks ?? {}).flatMap(([target, url]) => [
        '--webhook',
        `${target}=${url}`,
      ]);
    default:
      return name satisfies never;
  }
}

/** What every process of the mesh is told. */
export function commonEnv(
  options: Pick<ServicesOptions, 'mesh' | 'addresses' | 'keys' | 'otlp'>,
): Record<string, string> {
  const { NATS_URL, KAFKA_BROKERS, CLICKHOUSE_URL } = options.addresses;
  return {
    WINDROSE_MESH: options.mesh,
    // Without keys of the demo's own, on an operator's NATS.
    WINDROSE_INSECURE_UNSIGNED: String(options.keys === undefined),
    ...(NATS_URL === undefined ? {} : { NATS_URL }),
    ...(KAFKA_BROKERS === undefined ? {} : { KAFKA_BROKERS }),
    ...(CLICKHOUSE_URL === undefined ? {} : { CLICKHOUSE_URL }),
    ...(options.otlp === undefined ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: options.otlp }),
  };
}

/** Absolute path of a module of this checkout. */
export function moduleOf(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}

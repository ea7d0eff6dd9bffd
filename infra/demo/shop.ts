import { mkdirSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import type { ChangeSetResponse } from '#contracts/api/config.ts';
import { PartError } from '#local/errors.ts';
import { assertFree } from '#local/ports.ts';
import type { CredentialRequest } from '#platform/mesh/credential.ts';
import type { MeshPaths } from '#platform/mesh/folder.ts';
import { type ConfigApi, configApi } from './api.ts';
import { type EdgeCertificate, edgeCertificate } from './certificates.ts';
import { type GroupEvent, ProcessGroup, type ProcessSpec } from './group.ts';
import { orAborted } from './abort.ts';
import { demoCredential } from './mesh.ts';
import { DEMO_LABELS, shopResources } from './resources.ts';
import {
  type PartAddresses,
  SERVICE_NAMES,
  type ServiceName,
  commonEnv,
  moduleOf,
  serviceUrls,
  startServices,
} from './services.ts';
import {
  APPLICATIONS,
  type Application,
  DEMO_KEYS,
  GATEWAY_PROXY,
  GATEWAY_WORKERS,
  NAMESPACE,
  PROXIES,
  type ShopPorts,
  portList,
  sidecarOf,
} from './topology.ts';

export interface ShopOptions {
  mesh: string;
  ports: ShopPorts;
  /** Data and logs; used by one shop at a time. */
  dataDir: string;
  addresses: PartAddresses;
  webhooks?: Readonly<Record<string, string>>;
  otlp?: string;
  /** Keys and credentials of the mesh, where its NATS asks for them. */
  keys?: MeshPaths | undefined;
  gatewayWorkers?: number;
  /** Steady traffic of this many requests a second; none without. */
  requestsPerSecond?: number;
  env?: NodeJS.ProcessEnv;
  /** Each step of the start, in a few words. */
  onStep?: (step: string) => void;
  onEvent?: (event: GroupEvent) => void;
  /** Gives the start up; what was started is stopped before the start rejects. */
  signal?: AbortSignal;
}

/** The whole shop as it runs: services, gateway, sidecars, applications, and perhaps its load. */
export interface Shop {
  ports: ShopPorts;
  urls: Record<ServiceName, string> & { edge: string; edgeTls: string };
  /** PEM of the authority that a client of the edge over TLS has to trust. */
  caFile: string;
  /** Each process by its name: config, analytics, alerting, edge, payments, payments-1, … */
  group: ProcessGroup;
  /** What writing the demo's manifests did. */
  written: ChangeSetResponse;
  logDir: string;
  stop: () => Promise<void>;
}

const HOST = '127.0.0.1';
const LOOPBACK = '127.0.0.0/8';
const APPLIED_TIMEOUT_MS = 60_000;
const SERVING_TIMEOUT_MS = 30_000;
const POLL_MS = 100;
const LOAD = 'load';

/** Starts everything and resolves when a real request through the edge was answered with 200. */
export async function startShop(options: ShopOptions): Promise<Shop> {
  const logDir = join(options.dataDir, 'logs');
  mkdirSync(logDir, { recursive: true });
  for (const [port, what] of portList(options.ports)) await assertFree(port, what);
  const group = new ProcessGroup({
    logDir,
    env: options.env ?? process.env,
    ...(options.onEvent === undefined ? {} : { onEvent: options.onEvent }),
  });
  const certificate = edgeCertificate(options.dataDir);
  const urls = {
    ...serviceUrls(options.ports),
    edge: `http://${HOST}:${options.ports.edge}`,
    edgeTls: `https://${HOST}:${options.ports.edgeTls}`,
  };
  const stop = (): Promise<void> => stopShop(group);
  try {
    const written = await bringUp(group, options, urls, certificate);
    const caFile = certificate.ca;
    return { ports: options.ports, urls, caFile, group, written, logDir, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function bringUp(
  group: ProcessGroup,
  options: ShopOptions,
  urls: Shop['urls'],
  certificate: EdgeCertificate,
): Promise<ChangeSetResponse> {
  const step = (text: string): void => {
    options.signal?.throwIfAborted();
    options.onStep?.(text);
  };
  step('starting config, analytics and alerting');
  await orAborted(options.signal, startServices(group, options));
  step('applying infra/demo/manifests');
  const api = configApi(urls.config);
  const upserts = await shopResources(options.ports);
  const message = 'the demo as infra/demo/manifests has it';
  const prune = { labels: { ...DEMO_LABELS } };
  const writing = api.write({ author: 'demo', message, upserts, prune });
  const written = await orAborted(options.signal, writing);
  step(`starting a gateway, ${APPLICATIONS.length} applications and their sidecars`);
  const specs = [
    gatewaySpec(options, certificate),
    ...APPLICATIONS.flatMap((each) => [appSpec(each, options), sidecarSpec(each, options)]),
  ];
  await orAborted(options.signal, Promise.all(specs.map((spec) => group.start(spec))));
  step('waiting until every proxy has applied the configuration');
  await untilApplied(api, options.signal);
  step('waiting for a first answer through the edge');
  await untilServing(urls.edge, options.signal);
  if (options.requestsPerSecond !== undefined) {
    await orAborted(options.signal, group.start(loadSpec(options, urls.edge)));
  }
  return written;
}

/** Callers before callees, so that nothing is asked that has gone; services last. */
async function stopShop(group: ProcessGroup): Promise<void> {
  await group.stopEach([LOAD]);
  await group.stopEach([GATEWAY_PROXY]);
  const rest = group.names().filter((name) => !SERVICE_NAMES.includes(name as ServiceName));
  await group.stopEach(rest.filter((name) => PROXIES.includes(name)));
  await group.stopEach(rest);
  await group.stopEach(SERVICE_NAMES);
}

function gatewaySpec(options: ShopOptions, { cert, key }: EdgeCertificate): ProcessSpec {
  return proxySpec({ proxy: GATEWAY_PROXY }, options, [
    '--role',
    'gateway',
    '--gateway',
    `${NAMESPACE}/edge`,
    '--workers',
    String(options.gatewayWorkers ?? GATEWAY_WORKERS),
    '--certificates',
    `name=${NAMESPACE}/edge,cert=${cert},key=${key}`,
  ]);
}

function sidecarSpec(application: Application, options: ShopOptions): ProcessSpec {
  const ports = options.ports.applications[application.name];
  const service = `${NAMESPACE}/${application.name}`;
  const who = { proxy: sidecarOf(application.name), service, cidrs: [LOOPBACK] };
  return proxySpec(who, options, [
    '--role',
    'sidecar',
    '--service',
    service,
    '--app',
    `${HOST}:${ports.app}`,
    '--inbound',
    `${HOST}:${ports.inbound}`,
    '--outbound',
    `${HOST}:${ports.outbound}`,
  ]);
}

function proxySpec(
  who: CredentialRequest,
  options: ShopOptions,
  flags: readonly string[],
): ProcessSpec {
  const name = who.proxy;
  const dataDir = join(options.dataDir, 'proxies', name);
  mkdirSync(dataDir, { recursive: true });
  return {
    name,
    module: moduleOf('proxy/main.mjs'),
    args: ['--name', name, ...flags],
    env: { ...commonEnv(options), ...credentialEnv(who, options), WINDROSE_DATA_DIR: dataDir },
  };
}

function credentialEnv(
  who: CredentialRequest,
  { keys, dataDir }: ShopOptions,
): Record<string, string> {
  if (keys === undefined) return {};
  // The operator's own, of another server, would be a second one.
  return { WINDROSE_CREDENTIAL: demoCredential(keys, dataDir, who), NATS_CREDS: '', NATS_CA: '' };
}

function appSpec(application: Application, options: ShopOptions): ProcessSpec {
  const ports = options.ports.applications[application.name];
  return {
    name: application.name,
    module: moduleOf(`infra/demo/apps/${application.module}`),
    env: {
      PORT: String(ports.app),
      APP_VERSION: application.version,
      OUTBOUND_PROXY: `${HOST}:${ports.outbound}`,
    },
  };
}

function loadSpec(options: ShopOptions, edge: string): ProcessSpec {
  return {
    name: LOAD,
    module: moduleOf('infra/demo/load.ts'),
    env: { TARGET: edge, REQUESTS_PER_SECOND: String(options.requestsPerSecond) },
  };
}

async function untilApplied(api: ConfigApi, signal: AbortSignal | undefined): Promise<void> {
  const missing = await poll(signal, APPLIED_TIMEOUT_MS, async () => {
    const { items } = await api.proxies();
    const current = new Set(
      items.filter((item) => item.state === 'up' && item.behind === 0).map((item) => item.proxy),
    );
    return PROXIES.filter((name) => !current.has(name));
  });
  if (missing.length === 0) return;
  throw new PartError(
    `not every proxy has applied the configuration within ${APPLIED_TIMEOUT_MS / 1_000} s: ` +
      `${missing.join(', ')}; their logs say why`,
  );
}

async function untilServing(edge: string, signal: AbortSignal | undefined): Promise<void> {
  const [last] = await poll(signal, SERVING_TIMEOUT_MS, async () => {
    const status = await statusOf(`${edge}/products`);
    return status === 200 ? [] : [status];
  });
  if (last === undefined) return;
  throw new PartError(`${edge}/products answers ${last} and not 200; see \`windrose logs\``);
}

/** Asks until there is nothing left that is wrong, or time ran out; answers what is left. */
async function poll<T>(
  signal: AbortSignal | undefined,
  timeoutMs: number,
  wrong: () => Promise<T[]>,
): Promise<T[]> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const left = await orAborted(signal, wrong());
    if (left.length === 0 || Date.now() > deadline) return left;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Status of one GET as the consumer acme; 0 when there was no answer. */
function statusOf(url: string): Promise<number> {
  return new Promise((resolve) => {
    const headers = { 'x-api-key': DEMO_KEYS.acme };
    const outgoing = request(url, { headers, timeout: 5_000 }, (response) => {
      response.resume();
      response.once('close', () => resolve(response.statusCode ?? 0));
    });
    outgoing.once('timeout', () => outgoing.destroy());
    outgoing.once('error', () => resolve(0));
    outgoing.end();
  });
}

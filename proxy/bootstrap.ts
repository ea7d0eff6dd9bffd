import { randomUUID } from 'node:crypto';
import path from 'node:path';
import type { ProxyCredential } from '#contracts/credential.ts';
import type { Endpoint, ProxyRole } from '#contracts/events.ts';
import {
  BootstrapError,
  type BootstrapValues,
  type FieldSpec,
  readBootstrap,
} from '#platform/bootstrap.ts';
import { KAFKA_ACCESS_FIELDS, kafkaAccessOf, kafkaBrokersOf } from '#platform/kafka-fields.ts';
import type { KafkaAccess } from '#platform/kafka.ts';
import { TRUST_FIELDS, type TrustText, trustTexts } from '#platform/trust-fields.ts';
import { checkCredential, checkName, checkNames, checkRole } from './bootstrap-checks.ts';
import type { Scope } from './dataplane.ts';
import { type HostPort, checkAddress, hostPort } from './host-port.ts';
import type { Identity } from './identity.ts';
import type { SidecarAddresses } from './sidecar.ts';
import { readSidecar } from './sidecar-settings.ts';
import type { CertificateFiles } from './tls/certificate.ts';
import { readCertificateFiles } from './tls/settings.ts';

export const PROGRAM = 'windrose proxy';

type TextSpec<M> = { type: 'string'; description: string } & M;

function text(description: string): TextSpec<object>;
function text<const M extends object>(description: string, more: M): TextSpec<M>;
function text(description: string, more: object = {}): TextSpec<object> {
  return { type: 'string', description, ...more };
}

export const FIELDS = {
  name: text('name of the proxy in its mesh; one live proxy has it', { env: 'WINDROSE_NAME' }),
  role: text('what it serves', {
    choices: ['gateway', 'sidecar', 'fused'],
    default: 'gateway',
    env: 'WINDROSE_ROLE',
  }),
  mesh: text('name of the mesh; without it that of the credential, or demo', {
    env: 'WINDROSE_MESH',
  }),
  zone: text('zone in which it runs', { env: 'WINDROSE_ZONE', default: '' }),
  label: { type: 'list', description: 'k=v, several: shown by status', env: 'WINDROSE_LABELS' },
  gateway: {
    type: 'list',
    description: 'namespace/name of the Gateways to serve; without it, all of class windrose',
    env: 'WINDROSE_GATEWAYS',
  },
  address: text('where Gateways without spec.addresses listen', {
    env: 'WINDROSE_ADDRESS',
    default: '0.0.0.0',
  }),
  service: text('namespace/name of the Service behind a sidecar', { env: 'WINDROSE_SERVICE' }),
  app: text('host:port where its application listens', { env: 'WINDROSE_APP' }),
  inbound: text('host:port that receives for the application', { env: 'WINDROSE_INBOUND' }),
  outbound: text('host:port that takes its calls', { env: 'WINDROSE_OUTBOUND' }),
  outboundPorts: {
    type: 'list',
    description: 'namespace/name:port=[host:]port: a port here for each port of a Service',
    env: 'WINDROSE_OUTBOUND_PORTS',
  },
  printIptables: {
    type: 'boolean',
    description: 'print the rules that send connections to --inbound and --outbound, and end',
  },
  iptablesUid: {
    type: 'number',
    description: 'for these: number of the user as whom the proxy runs',
    env: 'WINDROSE_IPTABLES_UID',
  },
  iptablesExcludePorts: {
    type: 'list',
    description: 'for these: ports whose connections are left alone',
    env: 'WINDROSE_IPTABLES_EXCLUDE_PORTS',
  },
  workers: {
    type: 'number',
    description: 'processes that serve; more than one: a supervisor keeps the sockets',
    env: 'WINDROSE_WORKERS',
    default: 1,
  },
  resources: {
    type: 'list',
    description: 'files or folders with resources: standalone, without NATS and Kafka',
    env: 'WINDROSE_RESOURCES',
  },
  certificates: {
    type: 'mappings',
    keys: ['name', 'cert', 'key', 'ca'],
    description: 'name=namespace/secret,cert=FILE,key=FILE,ca=FILE: PEM files for names of Secrets',
    env: 'WINDROSE_CERTIFICATES',
  },
  accessLog: text('a file, or - for standard output: a JSON line per request', {
    env: 'WINDROSE_ACCESS_LOG',
  }),
  admin: text('host:port of the admin port over TCP; a Unix socket is always there', {
    env: 'WINDROSE_ADMIN',
  }),
  adminToken: text('bearer token for the admin port over TCP, but health and metrics', {
    env: 'WINDROSE_ADMIN_TOKEN',
  }),
  dataDir: text('folder of the snapshot, the ledgers and the admin socket', {
    env: 'WINDROSE_DATA_DIR',
  }),
  nats: text('nats://host:port, several with commas', { env: 'NATS_URL' }),
  credential: text('file of `windrose mesh credential`: who it is, towards NATS and the mesh', {
    env: 'WINDROSE_CREDENTIAL',
  }),
  natsCreds: text('credentials file for NATS', { env: 'NATS_CREDS' }),
  ...TRUST_FIELDS,
  natsCa: text('CA bundle for NATS over TLS', { env: 'NATS_CA' }),
  kafka: { type: 'list', description: 'host:port of Kafka brokers', env: 'KAFKA_BROKERS' },
  ...KAFKA_ACCESS_FIELDS,
  telemetrySpool: {
    type: 'number',
    default: 256,
    description:
      'MiB of records and metrics that may wait in the data directory while Kafka is away, once ' +
      'memory is full (64 MiB a worker); 0: none, the oldest are dropped and counted',
    env: 'WINDROSE_TELEMETRY_SPOOL',
  },
  otlp: text('base URL of an OTLP/HTTP receiver for spans', {
    env: 'OTEL_EXPORTER_OTLP_ENDPOINT',
  }),
  logLevel: text('least level that is logged', {
    env: 'WINDROSE_LOG_LEVEL',
    choices: ['trace', 'debug', 'info', 'warn', 'error'],
    default: 'info',
  }),
} as const satisfies Record<string, FieldSpec>;

/** Everything that a proxy is told at its start; plain data, so that workers can have it too. */
export interface ProxySettings {
  identity: Identity;
  scope: Scope;
  defaultAddress: string;
  sidecar: SidecarAddresses;
  app: Endpoint | undefined;
  /** Defined: standalone. */
  resources: string[] | undefined;
  certificates: CertificateFiles[];
  accessLog: string | undefined;
  admin: HostPort | undefined;
  adminToken: string | undefined;
  dataDir: string;
  nats: NatsSettings | undefined;
  /** Keys that are believed; undefined: the mesh is unsigned, or there is none. */
  trust: TrustText[] | undefined;
  /** Never told to workers: they need no key. */
  credential: ProxyCredential | undefined;
  kafkaBrokers: string[] | undefined;
  kafkaAccess: KafkaAccess | undefined;
  otlpEndpoint: string | undefined;
  spoolBytesMax: number;
  logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error';
}

export interface NatsSettings {
  url: string;
  credsFile: string | undefined;
  /** Where `credential` was read, and is read again at each connection. */
  credentialFile: string | undefined;
  caFile: string | undefined;
}

const DEFAULT_MESH = 'demo';
const MIB = 1024 * 1024;
const SPOOL_MIB_MAX = 1024 * 1024;
export type Values = BootstrapValues<typeof FIELDS>;

/** Reads flags, environment and file; throws one sentence about what is wrong. */
export function readValues(argv: readonly string[], env: NodeJS.ProcessEnv): Values {
  return readBootstrap({ program: PROGRAM, fields: FIELDS, argv: expandLists(argv), env });
}

export function isStandalone({ resources }: Values): boolean {
  return resources !== undefined && resources.length > 0;
}

/**
 * What values mean for a proxy that serves, with what `--credential` names; throws one sentence
 * about what is wrong.
 */
export function settingsOf(given: Values, credential?: ProxyCredential): ProxySettings {
  const standalone = isStandalone(given);
  if (credential !== undefined) checkCredential(given, credential);
  const found = given.name ?? credential?.proxy ?? (standalone ? 'standalone' : undefined);
  const mesh = given.mesh ?? credential?.mesh ?? DEFAULT_MESH;
  const name = checkName(found);
  const values = { ...given, name, mesh };
  const role = values.role as ProxyRole;
  checkNames(values);
  checkRole(values, role);
  if (!standalone && values.nats === undefined) {
    throw new BootstrapError(
      '--nats or NATS_URL is missing: where configuration comes from; or --resources to run alone',
    );
  }
  const service = values.service;
  return {
    identity: {
      ...{ mesh, proxy: name },
      instance: randomUUID(),
      role,
      workload: service ?? '',
      zone: values.zone,
      labels: readLabels(values.label ?? []),
    },
    scope: { role, proxy: name, gateways: values.gateway, service, workers: values.workers },
    defaultAddress: checkAddress('address', values.address),
    sidecar: readSidecar(values),
    app: values.app === undefined ? undefined : endpointOf('app', values.app),
    resources: standalone ? values.resources : undefined,
    certificates: readCertificateFiles(values.certificates ?? []),
    accessLog: values.accessLog,
    admin: values.admin === undefined ? undefined : hostPort('admin', values.admin),
    adminToken: values.adminToken,
    dataDir: path.resolve(values.dataDir ?? path.join('.windrose', 'proxy', `${mesh}-${name}`)),
    nats:
      standalone || values.nats === undefined
        ? undefined
        : {
            url: values.nats,
            credsFile: values.natsCreds,
            credentialFile: values.credential,
            caFile: values.natsCa,
          },
    trust: standalone ? undefined : trustIn(values, credential),
    credential,
    kafkaBrokers:
      standalone || values.kafka === undefined ? undefined : kafkaBrokersOf(values.kafka),
    kafkaAccess: standalone || values.kafka === undefined ? undefined : kafkaAccessOf(values),
    otlpEndpoint: values.otlp,
    spoolBytesMax: spoolBytesOf(values.telemetrySpool),
    logLevel: values.logLevel as ProxySettings['logLevel'],
  };
}

/** `--resources a b` as `--resources a --resources b`: a list flag takes what follows it. */
function expandLists(argv: readonly string[]): string[] {
  const lists = new Set([
    ...['--resources', '--gateway', '--label', '--certificates', '--trust'],
    ...['--outbound-ports', '--iptables-exclude-ports'],
  ]);
  const expanded: string[] = [];
  let list: string | undefined;
  let values = 0;
  for (const word of argv) {
    if (word.startsWith('--')) {
      list = lists.has(word) ? word : undefined;
      values = 0;
    } else if (list !== undefined && values++ > 0) {
      expanded.push(list);
    }
    expanded.push(word);
  }
  return expanded;
}

function spoolBytesOf(mebibytes: number): number {
  const isWhole = Number.isInteger(mebibytes) && mebibytes >= 0 && mebibytes <= SPOOL_MIB_MAX;
  if (isWhole) return mebibytes * MIB;
  throw new BootstrapError(
    `--telemetry-spool ${mebibytes} is no number of MiB from 0 to ${SPOOL_MIB_MAX}`,
  );
}

function readLabels(labels: readonly string[]): Record<string, string> {
  const pairs = labels.map((label) => {
    const at = label.indexOf('=');
    if (at < 1) throw new BootstrapError(`--label ${label} is not of the form key=value`);
    return [label.slice(0, at), label.slice(at + 1)] as const;
  });
  return Object.fromEntries(pairs);
}

function endpointOf(field: string, value: string): Endpoint {
  const { host, port } = hostPort(field, value);
  return { address: host, port, proxy: '', zone: '' };
}

/** Keys that a meshed proxy believes; undefined: an unsigned mesh. Throws BootstrapError. */
function trustIn(values: Values, credential: ProxyCredential | undefined): TrustText[] | undefined {
  const from = values.credential ?? 'the credential';
  const texts = credential === undefined ? [] : [{ pem: credential.trust, from }];
  return trustTexts(values, { texts, flag: '--credential' });
}

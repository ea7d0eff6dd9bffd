import { PartError } from './errors.ts';
import { type PartName, type RunningPart, TITLES } from './part.ts';
import { accepts, clickhouseAnswers } from './probe.ts';

/** The variable that names the operator's own server, for each part. */
export const ADDRESS_VARIABLES = {
  nats: 'NATS_URL',
  kafka: 'KAFKA_BROKERS',
  clickhouse: 'CLICKHOUSE_URL',
} as const satisfies Record<PartName, string>;

const DEFAULT_PORTS: Readonly<Record<PartName, number>> = {
  nats: 4222,
  kafka: 9092,
  clickhouse: 8123,
};

/** The operator's own server, checked to be reachable; nothing is started or stopped. */
export async function useExternal(name: PartName, address: string): Promise<RunningPart> {
  const variable = ADDRESS_VARIABLES[name];
  if (!(await isReachable(name, address))) {
    throw new PartError(
      `${TITLES[name]} at ${withoutPassword(address)} (from ${variable}) cannot be reached: ` +
        `start it, correct ${variable}, or unset it to have Windrose start its own`,
    );
  }
  const notOurs = (): Promise<never> =>
    Promise.reject(
      new PartError(
        `${TITLES[name]} at ${withoutPassword(address)} is yours (${variable}): not ours to stop`,
      ),
    );
  return {
    name,
    address,
    external: true,
    pid: undefined,
    logFile: undefined,
    kill: notOurs,
    restart: notOurs,
    stop: () => Promise.resolve(),
  };
}

/** Checks what a process is about to be told, with no local part behind it. */
export async function assertReachable(
  name: PartName,
  address: string,
  user: string,
): Promise<void> {
  if (await isReachable(name, address)) return;
  throw new PartError(
    `${TITLES[name]} at ${withoutPassword(address)}, which ${user} needs, cannot be reached: ` +
      `start it, add ${name} to --only, or name another in ${ADDRESS_VARIABLES[name]}`,
  );
}

async function isReachable(name: PartName, address: string): Promise<boolean> {
  if (name === 'clickhouse' && URL.canParse(address)) return clickhouseAnswers(address);
  for (const one of address.split(',')) {
    const at = hostAndPort(one.trim(), DEFAULT_PORTS[name]);
    if (at && (await accepts(at.host, at.port))) return true;
  }
  return false;
}

/** Host and port of `nats://user:pw@host:4222`, `host:9092`, `[::1]:9092` or `host`. */
export function hostAndPort(
  address: string,
  defaultPort: number,
): { host: string; port: number } | undefined {
  const url = address.includes('://') ? address : `tcp://${address}`;
  if (!URL.canParse(url)) return undefined;
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return host === '' ? undefined : { host, port: port === '' ? defaultPort : Number(port) };
}

function withoutPassword(address: string): string {
  return address.replaceAll(/\/\/[^@/,]*@/g, '//');
}

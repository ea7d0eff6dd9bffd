import { BootstrapError } from '#platform/bootstrap.ts';
import { PORT_MAX, hostPort } from './host-port.ts';
import { type SidecarFlags, readSidecar } from './sidecar-settings.ts';

/** The flags of `--print-iptables`, as they were given. */
export interface IptablesFlags extends SidecarFlags {
  iptablesUid: number | undefined;
  iptablesExcludePorts: readonly string[] | undefined;
  admin: string | undefined;
}

const UID_MAX = 2 ** 32 - 2;
/** Where redirected connections of this machine arrive. */
const REACHED: ReadonlySet<string> = new Set(['127.0.0.1', '0.0.0.0', '::']);
const DNS = 53;

/**
 * The rules that send a workload's connections to its sidecar, as `iptables-restore --noflush` and
 * `ip6tables-restore --noflush` read them; loaded once for a network namespace. Throws one sentence
 * about what is wrong. What is captured is routed by name (decision 0007).
 */
export function iptablesRules(flags: IptablesFlags): string {
  const { inbound, outbound } = readSidecar(flags);
  if (inbound === undefined && outbound === undefined) {
    throw new BootstrapError('--outbound or --inbound is missing: where connections are sent to');
  }
  const excluded = excludedPorts(flags.iptablesExcludePorts ?? []);
  const admin = flags.admin === undefined ? [] : [hostPort('admin', flags.admin).port];
  const chains = [
    ...(inbound === undefined ? [] : [incoming(inbound.port, [...excluded, ...admin])]),
    ...(outbound === undefined ? [] : [outgoing(outbound, uidOf(flags.iptablesUid), excluded)]),
  ];
  return [
    '*nat',
    ...chains.map(({ name }) => `:${name} - [0:0]`),
    ...chains.map(({ name, from }) => `-A ${from} -p tcp -j ${name}`),
    ...chains.flatMap(({ name, rules }) => rules.map((rule) => `-A ${name} -p tcp ${rule}`)),
    'COMMIT',
    '',
  ].join('\n');
}

interface Chain {
  name: string;
  /** The built-in chain that leads to it. */
  from: 'PREROUTING' | 'OUTPUT';
  rules: string[];
}

function incoming(port: number, excluded: readonly number[]): Chain {
  return {
    name: 'WINDROSE_INBOUND',
    from: 'PREROUTING',
    rules: [...excluded.map(leave), redirect(port)],
  };
}

/**
 * The proxy's own connections would come back to it for ever; what stays on loopback is between
 * programs of the workload, its calls of local ports among them.
 */
function outgoing(
  { host, port }: { host: string; port: number },
  uid: number,
  excluded: readonly number[],
): Chain {
  if (!REACHED.has(host)) {
    throw new BootstrapError(
      `--outbound ${host} is not where redirected connections arrive: say 127.0.0.1 or 0.0.0.0`,
    );
  }
  const ports = [...new Set([DNS, ...excluded])];
  return {
    name: 'WINDROSE_OUTBOUND',
    from: 'OUTPUT',
    rules: [
      `-m owner --uid-owner ${uid} -j RETURN`,
      '-o lo -j RETURN',
      ...ports.map(leave),
      redirect(port),
    ],
  };
}

function leave(port: number): string {
  return `--dport ${port} -j RETURN`;
}

function redirect(port: number): string {
  return `-j REDIRECT --to-ports ${port}`;
}

function uidOf(uid: number | undefined): number {
  if (uid === undefined) {
    throw new BootstrapError(
      '--iptables-uid is missing: as which user the proxy runs, whose connections are left alone',
    );
  }
  if (Number.isInteger(uid) && uid >= 0 && uid <= UID_MAX) return uid;
  throw new BootstrapError(`--iptables-uid ${uid} is no number of a user`);
}

/** A repeated flag, or one text with commas. */
function excludedPorts(texts: readonly string[]): number[] {
  const ports = texts
    .flatMap((text) => text.split(','))
    .map((text) => {
      const port = Number(text);
      if (/^[0-9]{1,5}$/.test(text) && port >= 1 && port <= PORT_MAX) return port;
      throw new BootstrapError(`--iptables-exclude-ports ${text} is no port`);
    });
  return [...new Set(ports)];
}

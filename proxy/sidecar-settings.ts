import { BootstrapError } from '#platform/bootstrap.ts';
import { SERVICE_NAME } from '#contracts/names.ts';
import { type HostPort, PORT_MAX, checkAddress, hostPort } from './host-port.ts';
import type { OutboundPort, SidecarAddresses } from './sidecar.ts';

/** The flags of a sidecar, as they were given. */
export interface SidecarFlags {
  inbound: string | undefined;
  outbound: string | undefined;
  outboundPorts: readonly string[] | undefined;
}

const SERVICE_PORT = new RegExp(`^(?<service>${SERVICE_NAME.slice(1, -1)}):(?<digits>[0-9]{1,5})$`);
const LOOPBACK = '127.0.0.1';

/** Where a sidecar listens; throws one sentence about what is wrong. */
export function readSidecar(flags: SidecarFlags): SidecarAddresses {
  const { inbound, outbound, outboundPorts = [] } = flags;
  const receives = inbound === undefined ? undefined : addressOf('inbound', inbound);
  if (receives !== undefined && (receives.host === '0.0.0.0' || receives.host === '::')) {
    throw new BootstrapError(
      `--inbound ${inbound} is announced to others: name the one address they reach it at`,
    );
  }
  return {
    inbound: receives,
    outbound: outbound === undefined ? undefined : addressOf('outbound', outbound),
    outboundPorts: apart(outboundPorts.flatMap((text) => text.split(',')).map(outboundPort)),
  };
}

/** `shop/db:5432=15432`, `shop/db:5432=127.0.0.1:15432`. */
function outboundPort(text: string): OutboundPort {
  const at = text.indexOf('=');
  const { service, digits } = SERVICE_PORT.exec(text.slice(0, Math.max(at, 0)))?.groups ?? {};
  const port = Number(digits);
  if (service === undefined || !(port >= 1 && port <= PORT_MAX)) {
    throw new BootstrapError(
      `--outbound-ports ${text} is not namespace/name:port=[host:]port of a Service and here`,
    );
  }
  const here = text.slice(at + 1);
  const local = /^[0-9]+$/.test(here) ? `${LOOPBACK}:${here}` : here;
  return { callee: { service, port }, at: addressOf('outbound-ports', local) };
}

/** One name in records for each, and one socket. */
function apart(ports: readonly OutboundPort[]): readonly OutboundPort[] {
  const seen = new Set<string>();
  for (const { callee, at } of ports) {
    const [name, place] = [`${callee.service}:${callee.port}`, `${at.host}:${at.port}`];
    for (const each of [name, place]) {
      if (seen.has(each)) throw new BootstrapError(`--outbound-ports has ${each} twice`);
      seen.add(each);
    }
  }
  return ports;
}

function addressOf(field: string, value: string): HostPort {
  const at = hostPort(field, value);
  checkAddress(field, at.host);
  return at;
}

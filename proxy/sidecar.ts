import { networkInterfaces } from 'node:os';
import type { Announcement } from '#contracts/events.ts';
import type { Callee } from './exchange.ts';
import type { HostPort } from './host-port.ts';
import type { SocketNeed } from './listener/listeners.ts';
import { sidecarPorts } from './ports.ts';
import type { Scope } from './scope.ts';
import type { CompiledSnapshot } from './snapshot/compiled.ts';

/** A local port that stands for one port of a Service. */
export interface OutboundPort {
  callee: Callee;
  at: HostPort;
}

/** What a sidecar listens on; either may be absent. */
export interface SidecarAddresses {
  /** Receives for the application, and is what the sidecar announces. */
  inbound: HostPort | undefined;
  /** Takes the application's calls. */
  outbound: HostPort | undefined;
  /** Take calls too, each for the port of a Service that it stands for. */
  outboundPorts: readonly OutboundPort[];
}

export function sidecarSockets(
  addresses: SidecarAddresses,
  snapshot: CompiledSnapshot,
  scope: Pick<Scope, 'service' | 'workers'>,
): SocketNeed[] {
  const ports = sidecarPorts(snapshot, scope.service, scope.workers);
  const need = (direction: 'inbound' | 'outbound', at: HostPort): SocketNeed => ({
    arrival: { direction, socket: direction },
    address: at.host,
    port: at.port,
    settings: ports[direction],
  });
  return [
    ...(addresses.inbound === undefined ? [] : [need('inbound', addresses.inbound)]),
    ...(addresses.outbound === undefined ? [] : [need('outbound', addresses.outbound)]),
    ...addresses.outboundPorts.map(({ callee, at }): SocketNeed => {
      const socket = `outbound/${callee.service}:${callee.port}`;
      const settings = ports.towards(callee.service);
      return {
        arrival: { direction: 'outbound', socket, callee },
        ...{ address: at.host, port: at.port, settings },
      };
    }),
  ];
}

/** Where the sidecar's Service can be reached through it. */
export function announcementOf(
  service: string | undefined,
  inbound: HostPort | undefined,
): Announcement | undefined {
  if (service === undefined || inbound === undefined) return undefined;
  return { service, address: inbound.host, port: inbound.port };
}

/** What is sent there comes in here again as a call. */
export function isOwnOutbound(
  { outbound, outboundPorts }: SidecarAddresses,
  address: string,
  port: number,
): boolean {
  const plain = address.replace(/^::ffff:(?=[0-9.]+$)/i, '');
  return [outbound, ...outboundPorts.map(({ at }) => at)].some((own) => {
    if (own?.port !== port) return false;
    if (own.host === '0.0.0.0' || own.host === '::') return isOfThisMachine(plain);
    return own.host === plain;
  });
}

function isOfThisMachine(address: string): boolean {
  if (address.startsWith('127.')) return true;
  return Object.values(networkInterfaces()).some((all) =>
    all?.some((each) => each.address === address),
  );
}

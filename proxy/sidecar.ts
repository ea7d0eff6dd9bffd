import type { Announcement } from '#contracts/events.ts';
import type { SocketNeed } from './listener/listeners.ts';

export interface HostPort {
  host: string;
  port: number;
}

/** What a sidecar listens on; either may be absent. */
export interface SidecarAddresses {
  /** Receives for the application, and is what the sidecar announces. */
  inbound: HostPort | undefined;
  /** Takes the application's calls. */
  outbound: HostPort | undefined;
}

export function sidecarSockets(addresses: SidecarAddresses): SocketNeed[] {
  const need = (direction: 'inbound' | 'outbound', at: HostPort): SocketNeed => ({
    arrival: { direction, socket: direction },
    address: at.host,
    port: at.port,
  });
  return [
    ...(addresses.inbound === undefined ? [] : [need('inbound', addresses.inbound)]),
    ...(addresses.outbound === undefined ? [] : [need('outbound', addresses.outbound)]),
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

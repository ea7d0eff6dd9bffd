import type { Announcement } from '#contracts/events.ts';
import type { SocketNeed } from './listener/listeners.ts';
import { sidecarPorts } from './ports.ts';
import type { Scope } from './scope.ts';
import type { CompiledSnapshot } from './snapshot/compiled.ts';

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

import { isIP } from 'node:net';
import type { Endpoint } from '#contracts/events.ts';
import type { ResourceKey } from '#contracts/names.ts';

export type Balancing = 'RoundRobin' | 'LeastRequest' | 'Random';
export const BALANCING_DEFAULT: Balancing = 'LeastRequest';

/** When passive checks take an endpoint out for a while. */
export interface OutlierConfig {
  readonly consecutiveErrors: number;
  readonly ejectMs: number;
  /** Share of a service's endpoints that may be out at once, from 0 to 1. */
  readonly ejectedShareMax: number;
}

export const OUTLIER_DEFAULT: OutlierConfig = Object.freeze({
  consecutiveErrors: 5,
  ejectMs: 30_000,
  ejectedShareMax: 0.5,
});

/**
 * An endpoint of an EndpointSlice, or the external name of a Service: for one named port of it. Its
 * address may be a DNS name, which each proxy resolves.
 */
export interface DeclaredEndpoint extends Endpoint {
  readonly portName: string;
}

/** True when its address is to be asked for. */
export function isByName({ address }: DeclaredEndpoint): boolean {
  return isIP(address) === 0;
}

/** The part of a TrafficPolicy that the balancer reads. */
export interface CompiledTraffic {
  readonly balancing: Balancing;
  readonly outlier: OutlierConfig;
}

/** How connections to a Service's port are secured: always verified. */
export interface BackendTls {
  /** The BackendTLSPolicy that says so. */
  readonly policy: ResourceKey;
  /** Differs wherever anything below does; connections and sessions are shared within it. */
  readonly key: string;
  /** The server name that is asked for. */
  readonly serverName: string;
  /** The certificate has to be for one of these, of either kind (`tls/peer-names.ts`). */
  readonly names: readonly string[];
  readonly uris: readonly string[];
  /** `namespace/name` of trusted authorities; `system`: those of the machine. None: none pass. */
  readonly authorities: readonly string[] | 'system';
  /** `namespace/name` of the certificate that is shown to a server that asks; absent: none. */
  readonly clientCertificate?: string;
}

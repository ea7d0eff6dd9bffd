import type { Direction } from '../exchange.ts';
import type { HeadLimits } from '../http1/head-scanner.ts';
import { HEAD_LIMITS, HTTP2_LIMITS, LIMITS } from './limits.ts';
import type { TrustedHops } from './trusted-hops.ts';

export type EscapedSlash = 'Reject' | 'Keep' | 'Decode';
/** `Keep` refuses what could be read as a field that decides; `KeepAll`, in the mesh, does not. */
export type Underscores = 'Reject' | 'Drop' | 'Keep' | 'KeepAll';

/** What holds for a request once its Host has decided between the listeners of its port. */
export interface RequestRules {
  /** Undefined: nobody is believed. */
  readonly trustedHops: TrustedHops | undefined;
  readonly escapedSlash: EscapedSlash;
  readonly underscores: Underscores;
  /** In which a body or a tunnel may stand still. */
  readonly streamIdleMs: number;
}

/** What holds for the connections of a port: before the Host nothing else is known. */
export interface PortLimits {
  readonly connections: number;
  readonly connectionsPerAddress: number;
  readonly head: HeadLimits;
  readonly headerReadMs: number;
  readonly keepAliveIdleMs: number;
  /** Of one HTTP/2 connection. */
  readonly streams: number;
}

/** Of a Gateway's listener or a Service's sidecars: of their ListenerPolicy, or the defaults. */
export interface ListenerSettings {
  /** `ListenerPolicy/namespace/name`; undefined: it has none. */
  readonly policy: string | undefined;
  readonly limits: PortLimits;
  readonly rules: RequestRules;
}

/** Of a port that is listened on. */
export interface PortSettings {
  readonly limits: PortLimits;
  rulesOf(host: string): RequestRules;
  /** Clients use it as their proxy: CONNECT is served. */
  readonly isProxy?: true;
}

/** Of a Gateway's listener. */
export const LISTENER_DEFAULT: ListenerSettings = Object.freeze({
  policy: undefined,
  limits: Object.freeze({
    connections: LIMITS.connections,
    connectionsPerAddress: LIMITS.connectionsPerAddress,
    head: HEAD_LIMITS,
    headerReadMs: LIMITS.headerReadMs,
    keepAliveIdleMs: LIMITS.keepAliveIdleEdgeMs,
    streams: HTTP2_LIMITS.streams,
  }),
  rules: Object.freeze({
    trustedHops: undefined,
    escapedSlash: 'Reject',
    underscores: 'Reject',
    streamIdleMs: LIMITS.streamIdleMs,
  }),
});

/** Of a sidecar's inbound and outbound. */
export const MESH_LISTENER_DEFAULT: ListenerSettings = Object.freeze({
  policy: undefined,
  limits: Object.freeze({
    ...LISTENER_DEFAULT.limits,
    // Everything that a workload or a gateway sends a sidecar comes from one address.
    connectionsPerAddress: LIMITS.connections,
    keepAliveIdleMs: LIMITS.keepAliveIdleMeshMs,
  }),
  rules: Object.freeze({ ...LISTENER_DEFAULT.rules, underscores: 'KeepAll' }),
});

const EDGE_PORT = portOf(LISTENER_DEFAULT);
const MESH_PORT = portOf(MESH_LISTENER_DEFAULT);

/** A port on which every request has the same rules. */
export function portOf({ limits, rules }: Omit<ListenerSettings, 'policy'>): PortSettings {
  return Object.freeze({ limits, rulesOf: () => rules });
}

/** Of a port that no ListenerPolicy reaches. */
export function defaultPort(direction: Direction): PortSettings {
  return direction === 'edge' ? EDGE_PORT : MESH_PORT;
}

/**
 * Of listeners that share a port: none of them may be loosened by another, so the smallest of each
 * limit holds; also against one that has no policy, and relies on the defaults.
 */
export function strictest(all: readonly PortLimits[]): PortLimits {
  const [first = LISTENER_DEFAULT.limits, ...others] = all;
  if (others.every((other) => other === first)) return first;
  const least = (of: (limits: PortLimits) => number): number => Math.min(...all.map(of));
  return Object.freeze({
    connections: least((limits) => limits.connections),
    connectionsPerAddress: least((limits) => limits.connectionsPerAddress),
    head: Object.freeze({
      startLineBytes: least(({ head }) => head.startLineBytes),
      headBytes: least(({ head }) => head.headBytes),
      fields: least(({ head }) => head.fields),
    }),
    headerReadMs: least((limits) => limits.headerReadMs),
    keepAliveIdleMs: least((limits) => limits.keepAliveIdleMs),
    streams: least((limits) => limits.streams),
  });
}

/** A worker's share of the connections of a proxy. */
export function shareOf(limits: PortLimits, workers: number): PortLimits {
  if (workers === 1) return limits;
  return Object.freeze({
    ...limits,
    connections: Math.ceil(limits.connections / workers),
    connectionsPerAddress: Math.ceil(limits.connectionsPerAddress / workers),
  });
}

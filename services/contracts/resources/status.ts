/**
 * What Windrose says of a resource: the `status` of Gateway API v1 and of GEP-713. It is made when
 * somebody asks, from what a proxy compiled; nothing of it is kept in the log, and what an author
 * writes as `status` is dropped.
 */
import type { ParentRef } from './route-parts.ts';

export interface Condition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  /** One word of the standard. */
  reason: string;
  /** What is wrong, where, and what to change. */
  message: string;
  /** The generation of the resource that this speaks of (`metadata.generation`). */
  observedGeneration: number;
  /**
   * RFC 3339. The log keeps no history of conditions: this is when the resource came to be, the
   * earliest that the condition can have changed.
   */
  lastTransitionTime: string;
}

export interface RouteGroupKind {
  group: string;
  kind: string;
}

export interface ListenerStatus {
  name: string;
  supportedKinds: RouteGroupKind[];
  /** Accepted routes that are attached, whatever the listener's own conditions. */
  attachedRoutes: number;
  conditions: Condition[];
}

export interface ObjectStatus {
  conditions: Condition[];
}

export interface GatewayClassStatus extends ObjectStatus {
  supportedFeatures: { name: string }[];
}

export interface GatewayStatus extends ObjectStatus {
  /** Empty where the proxy's own default address serves. */
  addresses: { type: string; value: string }[];
  listeners: ListenerStatus[];
  attachedListenerSets: number;
}

export interface ListenerSetStatus extends ObjectStatus {
  listeners: ListenerStatus[];
}

export interface RouteStatus {
  parents: { parentRef: ParentRef; controllerName: string; conditions: Condition[] }[];
}

export interface PolicyStatus {
  ancestors: { ancestorRef: ParentRef; controllerName: string; conditions: Condition[] }[];
}

export type ResourceStatus =
  | ObjectStatus
  | GatewayClassStatus
  | GatewayStatus
  | ListenerSetStatus
  | RouteStatus
  | PolicyStatus;

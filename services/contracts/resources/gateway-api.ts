/**
 * Gateway API v1 (gateway.networking.k8s.io): classes, Gateways and ListenerSets as the standard's
 * own schema has them. What a proxy cannot honour is answered by compile, with a problem or a
 * condition (proxy/snapshot/conditions.ts); fields of the experimental channel that are not here
 * are refused by name (later.ts).
 */
import type { Static } from 'typebox';
import {
  ClusterMetadata,
  Hostname,
  Label,
  NamespacedMetadata,
  Port,
  SectionName,
  StringMap,
  Subdomain,
  oneOf,
  strict,
} from './schema.ts';
import { Type } from './type.ts';
import { GatewayTls, ListenerTls } from './gateway-tls.ts';
import { ApiGroup, ApiKind } from './route-parts.ts';
import { SUBDOMAIN } from '../names.ts';

export const GATEWAY_GROUP = 'gateway.networking.k8s.io';
export const GATEWAY_VERSION = `${GATEWAY_GROUP}/v1`;
export const CONTROLLER_NAME = 'windrose.dev/gateway';
/** The class that exists without being declared. */
export const DEFAULT_GATEWAY_CLASS = 'windrose';
/** Kubernetes gives every Namespace this label with its name; here it needs no writing either. */
export const NAMESPACE_NAME_LABEL = 'kubernetes.io/metadata.name';

/** A class of another controller is kept, and its Gateways are none of Windrose's. */
export const GatewayClass = strict({
  apiVersion: Type.Literal(GATEWAY_VERSION),
  kind: Type.Literal('GatewayClass'),
  metadata: ClusterMetadata,
  spec: strict({
    controllerName: Type.String({
      minLength: 1,
      maxLength: 253,
      pattern: `${SUBDOMAIN.slice(0, -1)}/[A-Za-z0-9/._~%!$&'()*+,;=:-]+$`,
    }),
    parametersRef: Type.Optional(
      strict({
        group: ApiGroup,
        kind: ApiKind,
        name: Type.String({ minLength: 1, maxLength: 253 }),
        namespace: Type.Optional(Label),
      }),
    ),
    description: Type.Optional(Type.String({ maxLength: 64 })),
  }),
});
export type GatewayClass = Static<typeof GatewayClass>;

const LabelValues = Type.Array(Type.String({ maxLength: 63 }), { maxItems: 64 });
export const LabelSelector = strict({
  matchLabels: Type.Optional(StringMap),
  matchExpressions: Type.Optional(
    Type.Array(
      strict({
        key: Type.String({ minLength: 1, maxLength: 317 }),
        operator: oneOf(['In', 'NotIn', 'Exists', 'DoesNotExist']),
        values: Type.Optional(LabelValues),
      }),
      { maxItems: 64 },
    ),
  ),
});
export type LabelSelector = Static<typeof LabelSelector>;

/** Namespaces that something is taken from; `selector` is of their Namespace resources' labels. */
const FromNamespaces = strict({
  from: Type.Optional(oneOf(['All', 'Same', 'Selector', 'None'])),
  selector: Type.Optional(LabelSelector),
});
export type FromNamespaces = Static<typeof FromNamespaces>;

const AllowedRoutes = strict({
  namespaces: Type.Optional(FromNamespaces),
  kinds: Type.Optional(
    Type.Array(strict({ group: Type.Optional(ApiGroup), kind: ApiKind }), { maxItems: 8 }),
  ),
});

/** Any protocol: compile answers one that is not served with `UnsupportedProtocol`. */
const ProtocolType = Type.String({
  minLength: 1,
  maxLength: 255,
  pattern:
    '^([a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?|' +
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/[A-Za-z0-9]+)$',
});

export const GatewayListener = strict({
  name: SectionName,
  hostname: Type.Optional(Hostname),
  port: Port,
  protocol: ProtocolType,
  tls: Type.Optional(ListenerTls),
  allowedRoutes: Type.Optional(AllowedRoutes),
});
export type GatewayListener = Static<typeof GatewayListener>;
const Listeners = Type.Array(GatewayListener, { minItems: 1, maxItems: 64 });

export const GatewayAddress = strict({
  /** `IPAddress` when absent; compile answers others with `UnsupportedAddress`. */
  type: Type.Optional(Type.String({ minLength: 1, maxLength: 253 })),
  /** Absent or empty: the proxy's default address. */
  value: Type.Optional(Type.String({ maxLength: 253 })),
  routability: Type.Optional(Type.String({ maxLength: 253 })),
});

const GatewayInfrastructure = strict({
  labels: Type.Optional(StringMap),
  annotations: Type.Optional(StringMap),
  parametersRef: Type.Optional(
    strict({
      group: ApiGroup,
      kind: ApiKind,
      name: Type.String({ minLength: 1, maxLength: 253 }),
    }),
  ),
});

export const Gateway = strict({
  apiVersion: Type.Literal(GATEWAY_VERSION),
  kind: Type.Literal('Gateway'),
  metadata: NamespacedMetadata,
  spec: strict({
    gatewayClassName: Subdomain,
    addresses: Type.Optional(Type.Array(GatewayAddress, { maxItems: 16 })),
    listeners: Listeners,
    tls: Type.Optional(GatewayTls),
    allowedListeners: Type.Optional(strict({ namespaces: Type.Optional(FromNamespaces) })),
    infrastructure: Type.Optional(GatewayInfrastructure),
    defaultScope: Type.Optional(oneOf(['All', 'None'])),
  }),
});
export type Gateway = Static<typeof Gateway>;

/** Listeners that join those of a Gateway which allows it (GEP-1713). */
export const ListenerSet = strict({
  apiVersion: Type.Literal(GATEWAY_VERSION),
  kind: Type.Literal('ListenerSet'),
  metadata: NamespacedMetadata,
  spec: strict({
    parentRef: strict({
      group: Type.Optional(ApiGroup),
      kind: Type.Optional(ApiKind),
      namespace: Type.Optional(Label),
      name: Subdomain,
    }),
    listeners: Listeners,
  }),
});
export type ListenerSet = Static<typeof ListenerSet>;

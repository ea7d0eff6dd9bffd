import type { Static } from 'typebox';
import {
  ClusterMetadata,
  Label,
  NamespacedLabelMetadata,
  NamespacedMetadata,
  Port,
  StringMap,
  oneOf,
  strict,
} from './schema.ts';
import { Type } from './type.ts';

export const Namespace = strict({
  apiVersion: Type.Literal('v1'),
  kind: Type.Literal('Namespace'),
  metadata: ClusterMetadata,
});
export type Namespace = Static<typeof Namespace>;

const Protocol = oneOf(['TCP', 'UDP', 'SCTP'], 'routes lead to TCP ports only');
const IntOrText = Type.Union([Port, Type.String({ minLength: 1, maxLength: 63 })]);
/** A name of the IANA registry, or one with a prefix such as kubernetes.io/h2c (KEP-3726). */
const AppProtocol = Type.String({ minLength: 1, maxLength: 253 });
const Texts = Type.Array(Type.String({ maxLength: 253 }), { maxItems: 64 });

const ServicePort = strict({
  name: Type.Optional(Label),
  port: Port,
  protocol: Type.Optional(Protocol),
  appProtocol: Type.Optional(AppProtocol),
  /** Where endpoints listen is said by EndpointSlices, or by the sidecar that announces them. */
  targetPort: Type.Optional(IntOrText),
  nodePort: Type.Optional(Port),
});

/** Fields by which Kubernetes finds endpoints and opens a Service to others; nothing here acts. */
const kubernetesFields = {
  selector: Type.Optional(StringMap),
  clusterIP: Type.Optional(Type.String({ maxLength: 45 })),
  clusterIPs: Type.Optional(Texts),
  externalIPs: Type.Optional(Texts),
  ipFamilies: Type.Optional(Type.Array(oneOf(['IPv4', 'IPv6']), { maxItems: 2 })),
  ipFamilyPolicy: Type.Optional(oneOf(['SingleStack', 'PreferDualStack', 'RequireDualStack'])),
  internalTrafficPolicy: Type.Optional(oneOf(['Cluster', 'Local'])),
  externalTrafficPolicy: Type.Optional(oneOf(['Cluster', 'Local'])),
  trafficDistribution: Type.Optional(Type.String({ maxLength: 253 })),
  publishNotReadyAddresses: Type.Optional(Type.Boolean()),
  healthCheckNodePort: Type.Optional(Port),
  allocateLoadBalancerNodePorts: Type.Optional(Type.Boolean()),
  loadBalancerClass: Type.Optional(Type.String({ maxLength: 253 })),
  loadBalancerIP: Type.Optional(Type.String({ maxLength: 45 })),
  loadBalancerSourceRanges: Type.Optional(Texts),
};

/**
 * A named destination. Its endpoints are announced by sidecars or declared by EndpointSlices, or it
 * is a host outside (ExternalName). A Service written for Kubernetes is taken as it is.
 */
export const Service = strict({
  apiVersion: Type.Literal('v1'),
  kind: Type.Literal('Service'),
  metadata: NamespacedLabelMetadata,
  spec: strict({
    type: Type.Optional(oneOf(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'])),
    /** A DNS name, or an IP address. The mesh's `endpointCidrs` bound where it may lead. */
    externalName: Type.Optional(Type.String({ minLength: 1, maxLength: 253 })),
    ports: Type.Array(ServicePort, { minItems: 1, maxItems: 64 }),
    sessionAffinity: Type.Optional(oneOf(['None'])),
    ...kubernetesFields,
  }),
});
export type Service = Static<typeof Service>;

/** The label that says which Service an EndpointSlice belongs to. */
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

const Names = Type.Array(strict({ name: Type.String({ maxLength: 253 }) }), { maxItems: 64 });

const SliceEndpoint = strict({
  addresses: Type.Array(Type.String({ minLength: 1, maxLength: 253 }), {
    minItems: 1,
    maxItems: 100,
  }),
  /** `ready` decides; the others say why it is so. */
  conditions: Type.Optional(
    strict({
      ready: Type.Optional(Type.Boolean()),
      serving: Type.Optional(Type.Boolean()),
      terminating: Type.Optional(Type.Boolean()),
    }),
  ),
  zone: Type.Optional(Label),
  hostname: Type.Optional(Label),
  nodeName: Type.Optional(Type.String({ maxLength: 253 })),
  targetRef: Type.Optional(
    strict({
      apiVersion: Type.Optional(Type.String()),
      kind: Type.Optional(Type.String()),
      namespace: Type.Optional(Type.String()),
      name: Type.Optional(Type.String()),
      uid: Type.Optional(Type.String()),
      resourceVersion: Type.Optional(Type.String()),
      fieldPath: Type.Optional(Type.String()),
    }),
  ),
  deprecatedTopology: Type.Optional(StringMap),
  hints: Type.Optional(strict({ forZones: Type.Optional(Names), forNodes: Type.Optional(Names) })),
});

export const EndpointSlice = strict({
  apiVersion: Type.Literal('discovery.k8s.io/v1'),
  kind: Type.Literal('EndpointSlice'),
  metadata: NamespacedMetadata,
  addressType: oneOf(['IPv4', 'IPv6', 'FQDN']),
  endpoints: Type.Optional(Type.Array(SliceEndpoint, { maxItems: 1000 })),
  ports: Type.Array(
    strict({
      name: Type.Optional(Type.String({ maxLength: 63 })),
      port: Port,
      protocol: Type.Optional(Protocol),
      /** That of the Service's port counts. */
      appProtocol: Type.Optional(AppProtocol),
    }),
    { minItems: 1, maxItems: 100 },
  ),
});
export type EndpointSlice = Static<typeof EndpointSlice>;

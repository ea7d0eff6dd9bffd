import {
  type ParentRef,
  type Resource,
  type Service,
  metadataOf,
} from '#contracts/resources/index.ts';

type Parts = {
  parentRefs?: readonly ParentRef[];
  targetRefs?: readonly { kind: string; name: string }[];
  rules?: readonly object[];
};

/** The Services and Gateways that resources refer to and do not bring along. */
export function meshAround(resources: readonly Resource[]): Resource[] {
  const ports = new Map<string, Set<number>>();
  const gateways = new Map<string, Set<string>>();
  const service = (namespace: string, name: string, port = 80): void => {
    const key = `${namespace}/${name}`;
    ports.set(key, (ports.get(key) ?? new Set()).add(port));
  };
  for (const resource of resources) {
    const { namespace = 'default' } = metadataOf(resource);
    const spec = ('spec' in resource ? resource.spec : {}) as Parts;
    for (const ref of spec.parentRefs ?? []) {
      const there = ref.namespace ?? namespace;
      if (ref.kind === 'Service') service(there, ref.name);
      else {
        const key = `${there}/${ref.name}`;
        const protocol = resource.kind === 'TCPRoute' ? 'TCP' : 'TLS';
        const listener = resource.kind === 'HTTPRoute' ? 'HTTP 80' : `${protocol} ${ref.port ?? 0}`;
        gateways.set(key, (gateways.get(key) ?? new Set()).add(listener));
      }
    }
    for (const ref of spec.targetRefs ?? []) service(namespace, ref.name);
    // Every reference to a backend, wherever it stands in a rule.
    JSON.stringify(spec.rules ?? [], (_key, value: unknown) => {
      const ref = value as { name?: unknown; port?: unknown; namespace?: string } | null;
      if (
        typeof ref === 'object' &&
        typeof ref?.name === 'string' &&
        typeof ref.port === 'number'
      ) {
        service(ref.namespace ?? namespace, ref.name, ref.port);
      }
      return value;
    });
  }
  const own = new Set(resources.map(({ kind, metadata }) => `${kind} ${nameOf(metadata)}`));
  return [
    ...[...ports].map(([key, numbers]) => serviceOf(key, numbers)),
    ...[...gateways]
      .filter(([key]) => !own.has(`Gateway ${key}`))
      .map(([key, listeners]) => gatewayOf(key, listeners)),
  ];
}

function nameOf(metadata: { namespace?: string; name: string }): string {
  return `${metadata.namespace ?? 'default'}/${metadata.name}`;
}

function serviceOf(key: string, numbers: ReadonlySet<number>): Service {
  const [namespace = '', name = ''] = key.split('/');
  const ports = [...numbers].map((port) => ({ name: `p${port}`, port }));
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec: { ports } };
}

function gatewayOf(key: string, listeners: ReadonlySet<string>): Resource {
  const [namespace = '', name = ''] = key.split('/');
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name, namespace },
    spec: {
      gatewayClassName: 'windrose',
      listeners: [...listeners].map((text) => {
        const [protocol = '', port] = text.split(' ');
        return {
          name: text.toLowerCase().replace(' ', '-'),
          port: Number(port),
          protocol: protocol as 'HTTP' | 'TLS' | 'TCP',
          ...(protocol === 'TLS' ? { tls: { mode: 'Passthrough' as const } } : {}),
          allowedRoutes: { namespaces: { from: 'All' as const } },
        };
      }),
    },
  };
}

// The contract of a peer as Windrose's own resources, those that anyone would write for it.
import { hash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Contract, Key, Route } from './contract.ts';

const GATEWAY = 'edge';
const GATEWAY_GROUP = 'gateway.networking.k8s.io';
const NAMESPACE = 'bench';
const SECRET = 'edge';
/** What the bootstrap calls the certificate of the contract. */
export const CERTIFICATE = `${NAMESPACE}/${SECRET}`;
const SERVICE_PORT = 80;
const RETRIES = 2;
const CIRCUIT_REQUESTS = 1_024;
const OUTLIER_ERRORS = 50;

interface Document {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string; labels?: Record<string, string> };
  [field: string]: unknown;
}

/**
 * Into a folder of their own: the proxy watches it, and the log grows beside it. Returns the file.
 */
export function writeResources(contract: Contract): string {
  const folder = join(contract.stateDir, 'resources');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'resources.json');
  writeFileSync(file, JSON.stringify(resourceList(contract)));
  return file;
}

/** One document: JSON is quicker to write and to read than as many of YAML. */
export function resourceList(contract: Contract): { kind: 'List'; items: Document[] } {
  const services = new Map<string, string>();
  for (const { upstream } of contract.routes) {
    if (!services.has(upstream)) services.set(upstream, `upstream-${services.size}`);
  }
  const items = [
    gateway(contract.port, contract.tls?.port),
    ...[...services].flatMap(([address, name]) => [service(name), slice(name, address)]),
    ...contract.routes.map((route) => httpRoute(route, services.get(route.upstream) ?? '')),
  ];
  if (contract.scenario === 'full') {
    items.push(...policies(contract.rate), ...contract.keys.map(consumer));
    items.push(...[...services.values()].map(traffic));
  }
  return { kind: 'List', items };
}

function own(kind: string, name: string, spec: object): Document {
  return { ...head('windrose.dev/v1', kind, name), spec };
}

function head(apiVersion: string, kind: string, name: string): Document {
  return { apiVersion, kind, metadata: { name, namespace: NAMESPACE } };
}

function gateway(port: number, tlsPort: number | undefined): Document {
  const clear = { name: 'http', port, protocol: 'HTTP' };
  const tls = { certificateRefs: [{ name: SECRET }] };
  const secure = { name: 'https', port: tlsPort, protocol: 'HTTPS', tls };
  return {
    ...head(`${GATEWAY_GROUP}/v1`, 'Gateway', GATEWAY),
    spec: {
      gatewayClassName: 'windrose',
      addresses: [{ value: '127.0.0.1' }],
      listeners: tlsPort === undefined ? [clear] : [clear, secure],
    },
  };
}

function httpRoute(route: Route, backend: string): Document {
  return {
    ...head(`${GATEWAY_GROUP}/v1`, 'HTTPRoute', route.id),
    spec: {
      parentRefs: [{ name: GATEWAY }],
      ...(route.host === '*' ? {} : { hostnames: [route.host] }),
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: route.prefix } }],
          backendRefs: [{ name: backend, port: SERVICE_PORT }],
        },
      ],
    },
  };
}

function service(name: string): Document {
  return { ...head('v1', 'Service', name), spec: { ports: [{ port: SERVICE_PORT }] } };
}

function slice(name: string, address: string): Document {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at);
  const port = Number(address.slice(at + 1));
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: NAMESPACE, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [host] }],
    ports: [{ port }],
  };
}

/** On the Gateway: they hold for every route. */
function policies(rate: number): Document[] {
  const targetRefs = [{ group: GATEWAY_GROUP, kind: 'Gateway', name: GATEWAY }];
  const limit = { name: 'each', key: ['consumer'], requests: rate, per: '1s', burst: rate };
  return [
    own('AuthenticationPolicy', 'keys', { targetRefs, apiKey: { headers: ['x-api-key'] } }),
    own('RateLimitPolicy', 'limits', { targetRefs, limits: [limit] }),
  ];
}

function consumer({ client, key }: Key): Document {
  const sha256 = hash('sha256', key);
  return own('Consumer', client, { credentials: [{ type: 'APIKey', id: 'bench', sha256 }] });
}

function traffic(name: string): Document {
  return own('TrafficPolicy', name, {
    targetRefs: [{ kind: 'Service', name }],
    circuit: { requests: CIRCUIT_REQUESTS },
    // One upstream: it may be ejected like any other, as the peers do it.
    outlier: { consecutiveErrors: OUTLIER_ERRORS, maxEjectedPercent: 100 },
    retry: { attempts: RETRIES },
  });
}

import {
  type BackendTLSPolicy,
  type TrafficPolicy,
  WINDROSE_GROUP,
} from '#contracts/resources/index.ts';
import type { Context, KubeObject, NamedRef } from './context.ts';
import { durationField } from './durations.ts';
import type { Fields } from './fields.ts';
import { type Subsets, serviceOfHost, subsetService } from './istio-hosts.ts';
import { isHostname } from './names.ts';
import { GATEWAY_V1 } from './routes.ts';

type Spec = Omit<TrafficPolicy['spec'], 'targetRefs'>;
type Balancing = NonNullable<Spec['loadBalancing']>['type'];

const BALANCERS: Readonly<Record<string, Balancing>> = {
  ROUND_ROBIN: 'RoundRobin',
  LEAST_REQUEST: 'LeastRequest',
  LEAST_CONN: 'LeastRequest',
  RANDOM: 'Random',
};

/** Labels of each subset, as a DestinationRule's routes have to know them. */
export function subsetsOf(rules: readonly KubeObject[]): Subsets {
  const subsets = new Map<string, string>();
  for (const { fields, namespace } of rules) {
    const spec = fields.map('spec');
    const service = serviceOfHost(spec?.text('host') ?? '', namespace);
    if (service === undefined) continue;
    for (const subset of spec?.maps('subsets') ?? []) {
      const labels = subset.map('labels');
      const pairs = (labels?.keys ?? []).map((key) => `${key}=${labels?.text(key) ?? ''}`);
      const name = subset.text('name') ?? '';
      subsets.set(`${service.namespace}/${service.name}/${name}`, pairs.join(','));
    }
  }
  return subsets;
}

/** A DestinationRule as policies of its Service. */
export function destinationRule(
  object: KubeObject,
  context: Context,
): (TrafficPolicy | BackendTLSPolicy)[] {
  const spec = object.fields.map('spec');
  object.fields.rest();
  const host = spec?.text('host') ?? '';
  const service = serviceOfHost(host, object.namespace);
  if (spec === undefined || service === undefined) {
    object.fields.notes.lost('spec.host', `${host} is no Service of the cluster`);
    return [];
  }
  if (service.namespace !== object.namespace) {
    const message = `policies are of the Service's namespace: it is in ${service.namespace} now`;
    spec.notes.differs(spec.at('host'), message);
  }
  spec.lostIfThere({
    exportTo: 'a policy is of the Service, whoever calls it',
    workloadSelector: 'a policy is of the Service, whoever calls it',
  });
  noteSubsets(spec, service);
  const policy = spec.map('trafficPolicy');
  spec.rest();
  if (policy === undefined) return [];
  const { namespace, name } = service;
  const own = trafficOf(policy);
  const tls = tlsOf(policy, service, object, context);
  policy.lostIfThere({ portLevelSettings: 'a TrafficPolicy is for all ports of its Service' });
  policy.rest();
  const traffic: TrafficPolicy = {
    apiVersion: `${WINDROSE_GROUP}/v1`,
    kind: 'TrafficPolicy',
    metadata: { name: context.names.unique(`TrafficPolicy/${namespace}`, object.name), namespace },
    spec: { targetRefs: [{ group: '', kind: 'Service', name }], ...own },
  };
  return [...(Object.keys(own).length === 0 ? [] : [traffic]), ...(tls === undefined ? [] : [tls])];
}

function noteSubsets(spec: Fields, service: Required<NamedRef>): void {
  for (const subset of spec.maps('subsets')) {
    const name = subsetService(service.name, subset.text('name') ?? '');
    const labels = subset.map('labels');
    const pairs = (labels?.keys ?? []).map((key) => `${key}=${labels?.text(key) ?? ''}`);
    const policy = subset.has('trafficPolicy') ? ', and a TrafficPolicy for it' : '';
    const message = `make a Service ${name} for the endpoints with ${pairs.join(',')}${policy}`;
    subset.notes.lost(subset.path, message);
  }
}

function trafficOf(policy: Fields): Spec {
  const loadBalancing = balancingOf(policy.map('loadBalancer'));
  const pool = policy.map('connectionPool');
  const connect = pool && connectOf(pool);
  const circuit = pool && circuitOf(pool);
  pool?.rest();
  const outlier = outlierOf(policy.map('outlierDetection'));
  return {
    ...(loadBalancing === undefined ? {} : { loadBalancing }),
    ...(circuit === undefined ? {} : { circuit }),
    ...(outlier === undefined ? {} : { outlier }),
    ...(connect === undefined ? {} : { timeouts: { connect } }),
  };
}

function balancingOf(balancer: Fields | undefined): Spec['loadBalancing'] {
  const simple = balancer?.text('simple');
  balancer?.lostIfThere({
    consistentHash: 'for one client at one endpoint, write sessionPersistence in the rule',
  });
  balancer?.rest('there is no such balancing');
  if (simple === undefined || simple === 'UNSPECIFIED') return undefined;
  const type = BALANCERS[simple];
  if (type === undefined) balancer?.lost('simple', `there is no balancing ${simple}`);
  return type === undefined ? undefined : { type };
}

function connectOf(pool: Fields): string | undefined {
  const tcp = pool.map('tcp');
  const connect = tcp && durationField(tcp, 'connectTimeout');
  tcp?.lostIfThere({ maxConnections: 'connections are not limited: limit requests in flight' });
  tcp?.rest('connections towards endpoints have no such setting');
  return connect;
}

function circuitOf(pool: Fields): Spec['circuit'] {
  const http = pool.map('http');
  const requests = http?.number('http2MaxRequests');
  http?.lostIfThere({
    http1MaxPendingRequests: 'requests do not wait for a connection: limit those in flight',
    maxRetries: 'retries are limited by retry.budget of a TrafficPolicy',
    h2UpgradePolicy: 'write appProtocol: kubernetes.io/h2c at the port of the Service',
  });
  http?.rest('connections towards endpoints have no such setting');
  return requests === undefined || requests < 1 ? undefined : { requests };
}

function outlierOf(outlier: Fields | undefined): Spec['outlier'] {
  if (outlier === undefined) return undefined;
  const gateway = outlier.number('consecutiveGatewayErrors');
  const consecutive =
    outlier.number('consecutive5xxErrors') ?? outlier.number('consecutiveErrors') ?? gateway;
  const ejectFor = durationField(outlier, 'baseEjectionTime');
  const maxEjectedPercent = outlier.number('maxEjectionPercent');
  if (ejectFor !== undefined) {
    const message = 'an endpoint is out for as long each time, not longer with each ejection';
    outlier.notes.differs(outlier.at('baseEjectionTime'), message);
  }
  outlier.lostIfThere({
    interval: 'an endpoint is ejected at once, not at intervals',
    minHealthPercent: 'write maxEjectedPercent',
  });
  outlier.rest();
  if (consecutive === 0) {
    outlier.notes.lost(outlier.at('consecutive5xxErrors'), 'ejection cannot be turned off');
  }
  return {
    ...(consecutive === undefined || consecutive < 1 ? {} : { consecutiveErrors: consecutive }),
    ...(ejectFor === undefined ? {} : { ejectFor }),
    ...(maxEjectedPercent === undefined ? {} : { maxEjectedPercent }),
  };
}

/** TLS towards the Service, always verified: `SIMPLE` where it says for which name. */
function tlsOf(
  policy: Fields,
  { namespace, name }: Required<NamedRef>,
  object: KubeObject,
  context: Context,
): BackendTLSPolicy | undefined {
  const tls = policy.map('tls');
  const mode = tls?.text('mode') ?? 'DISABLE';
  if (tls === undefined || mode === 'DISABLE') return undefined;
  const sni = tls.text('sni');
  const names = tls.texts('subjectAltNames').filter((each) => isHostname(each));
  const secret = tls.text('credentialName');
  const hostname = sni ?? names[0];
  const refuse = (key: string, message: string): undefined => {
    tls.skip(...tls.keys);
    tls.lost(key, message);
  };
  if (mode === 'ISTIO_MUTUAL') return refuse('mode', "the mesh's certificates are Istio's own");
  if (mode !== 'SIMPLE') {
    return refuse(
      'mode',
      'the certificate that is shown is named by spec.tls.backend of a Gateway',
    );
  }
  if (tls.flag('insecureSkipVerify') === true) {
    return refuse('insecureSkipVerify', 'backends are always verified');
  }
  if (tls.has('caCertificates')) {
    return refuse('caCertificates', 'authorities are named by credentialName, not by a file');
  }
  if (hostname === undefined || !isHostname(hostname)) {
    return refuse('sni', 'a BackendTLSPolicy needs the name that the certificate is for');
  }
  tls.rest();
  const validation = {
    hostname,
    ...(secret === undefined
      ? { wellKnownCACertificates: 'System' as const }
      : { caCertificateRefs: [{ group: '' as const, kind: 'Secret' as const, name: secret }] }),
    ...(names.length === 0
      ? {}
      : { subjectAltNames: names.map((each) => ({ type: 'Hostname' as const, hostname: each })) }),
  };
  return {
    apiVersion: GATEWAY_V1,
    kind: 'BackendTLSPolicy',
    metadata: {
      name: context.names.unique(`BackendTLSPolicy/${namespace}`, object.name),
      namespace,
    },
    spec: { targetRefs: [{ group: '', kind: 'Service', name }], validation },
  };
}

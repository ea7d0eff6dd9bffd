import type { Alert, SloStatus, SloTest } from '#contracts/api/alerting.ts';
import type {
  AuditResponse,
  GraphResponse,
  RecordsResponse,
  SqlResponse,
  TotalsResponse,
} from '#contracts/api/analytics.ts';
import type {
  ChangeSetDetail,
  ChangeSetList,
  ProxyList,
  ProxyStatus,
  ResourceList,
} from '#contracts/api/config.ts';
import type { HealthResponse, ServiceHealth } from '#contracts/api/health.ts';
import type { Explanation } from '#contracts/api/explain.ts';
import { type Judgement, stateText } from '#contracts/health/judge.ts';
import { HEALTH_DEFAULTS, type HealthState } from '#contracts/health/rules.ts';
import type { Service } from '#contracts/resources/index.ts';

/** Answers of the services as the golden outputs show them. */
type Ago = (seconds: number) => string;

const reviews: Service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'reviews', namespace: 'shop', resourceVersion: '2', generation: 1 },
  spec: { ports: [{ port: 80 }] },
};

export const resources: ResourceList = {
  revision: '1-7',
  items: [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: 'shop',
        resourceVersion: '1',
        creationTimestamp: '2026-06-01T11:00:00Z',
      },
    },
    reviews,
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: {
        name: 'reviews',
        namespace: 'shop',
        resourceVersion: '7',
        creationTimestamp: '2026-05-01T12:00:00Z',
      },
      spec: {
        parentRefs: [{ group: '', kind: 'Service', name: 'reviews' }],
        rules: [
          {
            backendRefs: [
              { name: 'reviews-v1', port: 80, weight: 90 },
              { name: 'reviews-v2', port: 80, weight: 10 },
            ],
          },
        ],
      },
    },
    {
      apiVersion: 'windrose.dev/v1',
      kind: 'FaultPolicy',
      metadata: { name: 'flaky', namespace: 'shop' },
      spec: {
        targetRefs: [{ kind: 'Service', name: 'payments' }],
        expires: '2030-01-01T00:00:00Z',
        abort: { percent: 30, status: 503 },
        delay: { percent: 10, fixed: '300ms' },
      },
    },
  ],
};

export const history = (ago: Ago): ChangeSetList => ({
  items: [
    {
      revision: '1-9',
      author: 'bob',
      message: 'the canary failed',
      time: ago(30),
      digest: 'sha256:9',
      changes: [{ key: 'HTTPRoute/shop/reviews', change: 'updated' }],
      undoes: '1-8',
    },
    {
      revision: '1-8',
      author: 'ada',
      message: '',
      time: ago(4_000),
      digest: 'sha256:8',
      changes: [
        { key: 'Service/shop/reviews', change: 'created' },
        { key: 'Service/shop/old', change: 'deleted' },
      ],
    },
  ],
  next: '1-8',
});

export const changeSet = (ago: Ago): ChangeSetDetail => ({
  revision: '1-8',
  author: 'ada',
  message: 'reviews join the mesh',
  time: ago(0),
  digest: 'sha256:8',
  changes: [
    { key: 'Service/shop/reviews', change: 'created', after: reviews },
    {
      key: 'Service/shop/old',
      change: 'deleted',
      before: { ...reviews, metadata: { name: 'old', namespace: 'shop' } },
    },
  ],
});

const proxy = (ago: Ago, name: string, more: Partial<ProxyStatus> = {}): ProxyStatus => ({
  proxy: name,
  state: 'up',
  behind: 0,
  lastSeen: ago(3),
  heartbeat: {
    mesh: 'demo',
    proxy: name,
    instance: 'a1',
    role: name === 'edge' ? 'gateway' : 'sidecar',
    state: 'up',
    version: '0.1.0',
    workload: name === 'edge' ? '' : `shop/${name.slice(0, -2)}`,
    zone: '',
    labels: {},
    workers: 1,
    revision: { epoch: 1, sequence: 7 },
    logDigest: 'sha256:7',
    startedAt: ago(600),
    time: ago(3),
  },
  receipt: {
    mesh: 'demo',
    proxy: name,
    instance: 'a1',
    revision: { epoch: 1, sequence: 7 },
    result: 'applied',
    logDigest: 'sha256:7',
    problems: [],
    time: ago(60),
    lagMs: 21.4,
    applyMs: 3,
  },
  ...more,
});

export const proxies = (ago: Ago): ProxyList => {
  const partial = proxy(ago, 'edge');
  const problem = {
    resource: 'Gateway/shop/edge',
    path: 'spec.listeners[0].port',
    reason: 'cannot_apply',
    message: 'port 80 on 0.0.0.0 is taken',
  } as const;
  return {
    revision: '1-8',
    items: [
      proxy(ago, 'orders-1', { behind: 1, behindSince: ago(42) }),
      proxy(ago, 'edge', {
        ...(partial.receipt === undefined
          ? {}
          : { receipt: { ...partial.receipt, result: 'partial', problems: [problem] } }),
      }),
      proxy(ago, 'payments-2', {
        withheld: {
          reason: 'refused',
          message: 'its grant is for shop/payments, and it announces shop/orders',
        },
      }),
      proxy(ago, 'payments-1'),
      proxy(ago, 'old-1', { state: 'gone', lastSeen: ago(400) }),
    ],
  };
};

export const explanation: Explanation = {
  revision: '1-7',
  direction: 'edge',
  listener: 'Gateway/shop/edge/http',
  host: 'shop',
  path: '/products',
  match: { route: 'shop/storefront', rule: 'browse', matched: 'GET, path prefix /products' },
  lost: [{ route: 'shop/storefront', rule: 'order', why: 'the method is GET and not POST' }],
  steps: [
    { phase: 'authorize', name: 'AuthenticationPolicy/shop/keys', effect: 'asks for a key' },
    { phase: 'limit', name: 'RateLimitPolicy/shop/per-consumer', effect: '200 per 1s' },
  ],
  backends: [
    {
      backend: 'shop/storefront:80',
      weight: 1,
      share: 1,
      endpoints: [{ address: '127.0.0.1:7102', proxy: 'storefront-1', state: 'healthy' }],
    },
  ],
  outcome: {
    forwarded: false,
    status: 401,
    reason: 'unauthenticated',
    message: 'there is no x-api-key',
  },
};

export const totals = (ago: Ago): TotalsResponse => ({
  from: ago(300),
  to: ago(0),
  rows: [
    {
      key: 'shop/storefront',
      requests: 7_500,
      errors: 15,
      errorRate: 0.002,
      requestsPerSecond: 25,
      bytesIn: 1,
      bytesOut: 2,
      p50Ms: 2.25,
      p95Ms: 8.9,
      p99Ms: 120.4,
    },
    {
      key: 'shop/reviews',
      requests: 120,
      errors: 0,
      errorRate: 0,
      requestsPerSecond: 0.4,
      bytesIn: 1,
      bytesOut: 2,
      p50Ms: 1,
      p95Ms: 2,
      p99Ms: 3,
    },
  ],
  freshness: { newest: ago(4), blocksMissing: 2 },
});

export const graph = (ago: Ago): GraphResponse => {
  const edge = (source: string, destination: string, requests: number, errors = 0) => ({
    source,
    destination,
    requests,
    errors,
    errorRate: errors / requests,
    requestsPerSecond: requests / 300,
    p50Ms: 1,
    p99Ms: 12.3,
  });
  const judgement = (state: HealthState, why: string): Judgement => ({
    ...{ state, rule: 'errors', message: `${stateText(state)}: ${why}` },
  });
  const node = (name: string, state: HealthState, why: string) => ({
    ...{ name, requests: 900, errors: 270, health: judgement(state, why) },
  });
  return {
    from: ago(300),
    to: ago(0),
    nodes: [
      node('shop/payments', 'failing', '30 % of 900 calls failed'),
      node('shop/orders', 'no_data', 'nobody was heard'),
      node('shop/catalog', 'healthy', 'none failed'),
      { name: 'unknown', requests: 3, errors: 0 },
    ],
    edges: [
      {
        ...edge('shop/orders', 'shop/payments', 900, 270),
        health: judgement('failing', '30 % of 900 calls failed'),
      },
      edge('shop/storefront', 'shop/orders', 900, 270),
      edge('Gateway/shop/edge', 'shop/storefront', 7_500, 270),
      {
        ...edge('shop/storefront', 'shop/catalog', 6_600),
        health: judgement('degraded', 'p99 of 12.3 ms is 4 times the usual 3 ms'),
      },
      edge('shop/storefront', 'shop/reviews', 6_600),
      edge('unknown', 'shop/payments', 3),
      edge('shop/a', 'shop/b', 3),
      { ...edge('shop/b', 'shop/a', 3), health: judgement('healthy', '3 calls decide nothing') },
    ],
    freshness: { newest: ago(4), blocksMissing: 0 },
  };
};

const judged = (
  state: HealthState,
  numbers: { requests: number; errors?: number; own?: number },
  why: string,
): Omit<ServiceHealth, 'name'> => {
  const { requests, errors = 0, own = 0 } = numbers;
  const errorRate = requests === 0 ? 0 : errors / requests;
  return {
    health: { state, rule: 'errors', message: `${stateText(state)}: ${why}` },
    side: 'callers',
    numbers: { requests, errors, errorRate, p99Ms: 12.3 },
    own: { requests: own, errors: 0, errorRate: 0 },
    silentSeconds: 10,
  };
};

export const health = (ago: Ago): HealthResponse => {
  const failing = judged('failing', { requests: 900, errors: 270, own: 640 }, '30 % failed');
  const well = judged('healthy', { requests: 6_600, own: 6_600 }, 'p99 12.3 ms');
  const idle = judged('no_traffic', { requests: 0 }, 'nobody called');
  return {
    from: ago(300),
    to: ago(0),
    settings: HEALTH_DEFAULTS,
    services: [
      { name: 'shop/payments', ...failing },
      { name: 'shop/quiet', ...idle },
      { name: 'shop/catalog', ...well },
    ],
    edges: [
      { source: 'shop/orders', destination: 'shop/payments', ...failing },
      { source: 'shop/storefront', destination: 'shop/quiet', ...idle },
      { source: 'shop/storefront', destination: 'shop/catalog', ...well },
    ],
    freshness: { newest: ago(4), blocksMissing: 0 },
  };
};

const record = (more: Record<string, string | number>): Record<string, string | number> => ({
  time: '2026-06-01 11:59:58.123456',
  request_id: 'r1',
  span_id: 's1',
  proxy: 'orders-1',
  direction: 'outbound',
  log_epoch: 1,
  revision: 7,
  consumer: '',
  source: 'shop/orders',
  destination: 'shop/payments',
  backend: 'shop/payments:80',
  method: 'POST',
  host: 'payments.shop',
  path: '/charge',
  status: 200,
  reason: 'ok',
  duration_us: 2_345,
  ...more,
});

export const records: RecordsResponse = {
  items: [
    record({ request_id: 'r2', status: 503, reason: 'fault_injected', duration_us: 91 }),
    record({
      time: '2026-06-01T11:59:57.5Z',
      direction: 'edge',
      source: 'Gateway/shop/edge',
      destination: 'shop/storefront',
      backend: 'shop/storefront:80',
      consumer: 'shop/acme',
      path: '/products/\u001b[2J',
      status: 0,
      reason: 'client_closed',
    }),
  ],
  freshness: { blocksMissing: 0 },
};

export const audit: AuditResponse = {
  ok: true,
  items: [0, 1].map((worker) => ({
    proxy: 'edge',
    instance: '5f0c2a9b',
    worker,
    served: 1_000 + worker,
    stored: 990 + worker,
    sampledOut: 0,
    dropped: 4,
    crashLost: 6,
    bound: worker === 0 ? 17 : 0,
    blocks: 9,
    blocksMissing: worker,
    ok: true,
  })),
};

export const sql: SqlResponse = {
  columns: [
    { name: 'backend', type: 'LowCardinality(String)' },
    { name: 'requests', type: 'UInt64' },
    { name: 'last', type: 'Nullable(DateTime)' },
  ],
  rows: [
    ['shop/reviews-v1:80', '1802', null],
    ['shop/reviews-v2:80', 198, '2026-06-01 12:00:00'],
  ],
  elapsedMs: 3.2,
};

const slo = (more: Partial<SloStatus>): SloStatus => ({
  slo: 'shop/payments',
  service: 'payments',
  displayName: '99 % of charges answered',
  target: 0.99,
  windowMs: 3_600_000,
  good: 700,
  total: 1_000,
  ratio: 0.7,
  budgetLeft: -29,
  burnRates: [
    { policy: 'fast-burn', condition: 'long', windowMs: 60_000, rate: 30.2, threshold: 5 },
    { policy: 'fast-burn', condition: 'short', windowMs: 20_000, rate: 28, threshold: 5 },
  ],
  state: 'firing',
  evaluatedAt: '2026-06-01T12:00:00Z',
  ...more,
});

const { ratio: _none, ...quiet } = slo({ slo: 'shop/storefront', service: 'storefront' });

export const slos: { items: SloStatus[] } = {
  items: [slo({}), { ...quiet, state: 'ok', budgetLeft: 1, good: 0, total: 0, burnRates: [] }],
};

export const alerts = (ago: Ago): { items: Alert[] } => ({
  items: [
    {
      id: 'a1',
      slo: 'shop/payments',
      service: 'payments',
      policy: 'fast-burn',
      severity: 'page',
      state: 'firing',
      startedAt: ago(45),
      summary: 'payments burns its budget 30 times too fast',
    },
    {
      id: 'a0',
      slo: 'shop/orders',
      service: 'orders',
      policy: 'fast-burn',
      severity: 'page',
      state: 'resolved',
      startedAt: ago(900),
      resolvedAt: ago(60),
      summary: 'orders has recovered',
    },
  ],
});

export const sloTest: SloTest = {
  slo: 'shop/payments',
  from: '2026-05-25T12:00:00.000Z',
  until: '2026-06-01T12:00:00.000Z',
  stepMs: 10_000,
  good: 995_000,
  total: 1_000_000,
  ratio: 0.995,
  budgetLeft: 0.5,
  alerts: [
    {
      ...{ policy: 'fast-burn', severity: 'page', startedAt: '2026-05-27T03:12:10.000Z' },
      ...{ resolvedAt: '2026-05-27T03:40:00.000Z', highestRate: 41.25 },
    },
    {
      ...{ policy: 'slow-burn', severity: 'ticket', startedAt: '2026-06-01T11:00:00.000Z' },
      highestRate: 6.5,
    },
  ],
};

import { Agent, request } from 'node:http';
import { DEMO_KEYS } from './topology.ts';

/**
 * Steady traffic from the demo's consumers, each with its own key: mostly browsing, some orders.
 * Waits for nobody: a slow shop gets as many requests as a quick one, up to the bound in flight.
 */
export interface LoadOptions {
  /** `http://host:port` of the edge. */
  target: string;
  requestsPerSecond: number;
  random?: () => number;
}

const IN_FLIGHT_MAX = 100;
const TIMEOUT_MS = 10_000;
const PRODUCTS = ['compass', 'sextant', 'chart', 'lantern'] as const;
const ORDER_SHARE = 0.12;
const LIST_SHARE = 0.4;
/** Each consumer's part of the whole. */
const SHARES: readonly (readonly [keyof typeof DEMO_KEYS, number])[] = [
  ['acme', 0.5],
  ['globex', 0.35],
  ['initech', 0.15],
];

export interface PlannedRequest {
  method: 'GET' | 'POST';
  path: string;
  key: string;
  body?: string;
}

/** The next request, by chance. */
export function plan(random: () => number): PlannedRequest {
  const key = DEMO_KEYS[consumerAt(random())];
  const product = PRODUCTS[Math.floor(random() * PRODUCTS.length)] ?? PRODUCTS[0];
  const kind = random();
  if (kind < ORDER_SHARE) {
    const body = JSON.stringify({ product, quantity: 1 });
    return { method: 'POST', path: '/orders', key, body };
  }
  const path = kind < ORDER_SHARE + LIST_SHARE ? '/products' : `/products/${product}`;
  return { method: 'GET', path, key };
}

function consumerAt(point: number): keyof typeof DEMO_KEYS {
  let sum = 0;
  for (const [name, share] of SHARES) {
    sum += share;
    if (point < sum) return name;
  }
  return 'acme';
}

export interface Load {
  /** Answers so far, by status; 0 counts what got none. */
  answers: ReadonlyMap<number, number>;
  stop: () => void;
}

export function startLoad(options: LoadOptions): Load {
  const random = options.random ?? Math.random;
  const agent = new Agent({ keepAlive: true, maxSockets: 20 });
  const answers = new Map<number, number>();
  let inFlight = 0;
  const fire = (): void => {
    if (inFlight >= IN_FLIGHT_MAX) return;
    inFlight++;
    void send(agent, options.target, plan(random)).then((status) => {
      inFlight--;
      answers.set(status, (answers.get(status) ?? 0) + 1);
    });
  };
  const timer = setInterval(fire, 1_000 / options.requestsPerSecond);
  return {
    answers,
    stop: () => {
      clearInterval(timer);
      agent.destroy();
    },
  };
}

function send(agent: Agent, target: string, planned: PlannedRequest): Promise<number> {
  const { method, path, key, body } = planned;
  const headers: Record<string, string> = { 'x-api-key': key, 'user-agent': 'shop-load/1' };
  if (body !== undefined) headers['content-type'] = 'application/json';
  return new Promise((resolve) => {
    const outgoing = request(
      `${target}${path}`,
      { method, headers, agent, timeout: TIMEOUT_MS },
      (response) => {
        response.resume();
        response.once('close', () => resolve(response.complete ? (response.statusCode ?? 0) : 0));
      },
    );
    outgoing.once('error', () => resolve(0));
    outgoing.once('timeout', () => outgoing.destroy());
    outgoing.end(body);
  });
}

if (import.meta.main) {
  const load = startLoad({
    target: process.env['TARGET'] ?? '',
    requestsPerSecond: Number(process.env['REQUESTS_PER_SECOND'] ?? '25'),
  });
  process.stdout.write('ready\n');
  const stop = (): void => {
    load.stop();
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, stop);
}

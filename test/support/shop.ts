import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { meshDatabase } from '#contracts/tables.ts';
import { type Shop, type ShopOptions, startShop } from '#demo/shop.ts';
import { DEMO_KEYS, freeShopPorts } from '#demo/topology.ts';
import { clickhouseUrl, kafkaBrokers, natsUrl, uniqueMesh } from './parts.ts';

/** The demo's shop on free ports, in a folder and a mesh of its own, and hands to work it with. */
export interface TestShop {
  shop: Shop;
  mesh: string;
  /** Runs the real command line against this shop. */
  windrose: (...args: string[]) => Promise<CliResult>;
  /** Rows of one SELECT on the mesh's own database. */
  sql: <Row>(select: string) => Promise<Row[]>;
  stop: () => Promise<void>;
}

export interface CliResult {
  status: number;
  stdout: string;
  stderr: string;
}

const CLI = fileURLToPath(new URL('../../services/cli/main.ts', import.meta.url));

export async function startTestShop(
  options: Pick<ShopOptions, 'webhooks' | 'otlp' | 'requestsPerSecond'> = {},
): Promise<TestShop> {
  const dataDir = mkdtempSync(join(tmpdir(), 'windrose-shop-'));
  const mesh = uniqueMesh();
  const addresses = {
    NATS_URL: natsUrl(),
    KAFKA_BROKERS: kafkaBrokers(),
    CLICKHOUSE_URL: clickhouseUrl(),
  };
  const remove = (): void => rmSync(dataDir, { recursive: true, force: true, maxRetries: 3 });
  const ports = await freeShopPorts();
  const shop = await startShop({ mesh, ports, dataDir, addresses, ...options }).catch(
    (error: unknown) => {
      process.stderr.write(lastLines(join(dataDir, 'logs')));
      remove();
      throw error;
    },
  );
  return {
    shop,
    mesh,
    windrose: (...args) => runCli(args, { WINDROSE_SERVER: shop.urls.config }),
    sql: (select) => selectFrom(meshDatabase(mesh), select),
    stop: async () => {
      await shop.stop();
      remove();
    },
  };
}

/** Runs `windrose` as a process of its own and returns what a script would see. */
export function runCli(args: readonly string[], env: NodeJS.ProcessEnv): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--no-warnings', CLI, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (code) => resolve({ status: code ?? -1, stdout, stderr }));
  });
}

async function selectFrom<Row>(database: string, select: string): Promise<Row[]> {
  const url = new URL(clickhouseUrl());
  url.searchParams.set('database', database);
  url.searchParams.set('default_format', 'JSON');
  url.searchParams.set('output_format_json_quote_64bit_integers', '0');
  const response = await fetch(url, { method: 'POST', body: select });
  const text = await response.text();
  if (!response.ok) throw new Error(`${select}\n${text}`);
  return (JSON.parse(text) as { data: Row[] }).data;
}

export interface Sent {
  /** Answers by status; 0 counts what got none. */
  byStatus: Record<number, number>;
  bodies: string[];
}

/** Below what the demo grants its consumers together, however fast the proxies are. */
const SENT_PER_SECOND_MAX = 400;

/**
 * Sends `count` requests through the edge, a few at a time, the consumers taking turns and the
 * whole paced so that no quota is reached; resolves when all are answered.
 */
export async function sendThroughEdge(
  edge: string,
  count: number,
  options: { path?: string; atOnce?: number; headers?: Record<string, string> } = {},
): Promise<Sent> {
  const agent = new Agent({ keepAlive: true });
  const keys = Object.values(DEMO_KEYS);
  const sent: Sent = { byStatus: {}, bodies: [] };
  const startMs = performance.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const key = keys[next % keys.length] ?? '';
      const dueMs = startMs + (next++ / SENT_PER_SECOND_MAX) * 1_000;
      const earlyMs = dueMs - performance.now();
      if (earlyMs > 1) await new Promise((resolve) => setTimeout(resolve, earlyMs));
      const headers = { 'x-api-key': key, ...options.headers };
      const url = `${edge}${options.path ?? '/products/compass'}`;
      const { status, body } = await ask(agent, url, headers);
      sent.byStatus[status] = (sent.byStatus[status] ?? 0) + 1;
      sent.bodies.push(body);
    }
  };
  await Promise.all(Array.from({ length: options.atOnce ?? 8 }, worker));
  agent.destroy();
  return sent;
}

function ask(
  agent: Agent,
  url: string,
  headers: Record<string, string>,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve) => {
    const outgoing = request(url, { agent, headers }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', () => resolve({ status: 0, body }));
    });
    outgoing.on('error', () => resolve({ status: 0, body: '' }));
    outgoing.end();
  });
}

/** Process ids of the children of a process (Linux): a supervisor's workers. */
export function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}

/** What the processes said last: shown when a shop does not come up. */
function lastLines(logDir: string): string {
  return readdirSync(logDir)
    .map((name) => {
      const lines = readFileSync(join(logDir, name), 'utf8').trimEnd().split('\n').slice(-5);
      return `--- ${name}\n${lines.join('\n')}\n`;
    })
    .join('');
}

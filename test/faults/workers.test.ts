import { connect } from 'node:net';
import { freePort } from '#test/parts.ts';
import { until } from '#test/processes.ts';
import { childrenOf } from '#test/shop.ts';
import { expect, it } from 'vitest';
import { Load, fetchOnce, startApp, startProxy } from '../integration/proxy/proxy-process.ts';
import { GET, isDrill } from './support/call.ts';
import { note } from './support/figures.ts';
import { shopFile } from './support/shop-file.ts';

const KILLS = isDrill ? 50 : 5;
const WORKERS = 2;
const CONNECTIONS = 16;
/** Of the drill: a machine that runs other tests starts a process when it can. */
const RESPAWN_MAX_MS = isDrill ? 1_000 : 10_000;

it('F01: kill -9 of a worker under load', { timeout: 600_000 }, async () => {
  const app = await startApp('echo', (_request, response) => response.end('ok'));
  const port = await freePort();
  const proxy = startProxy(['--resources', shopFile(port, app.port), '--workers', `${WORKERS}`]);
  await proxy.ready();
  const supervisor = proxy.child.pid ?? 0;
  const serving = async (): Promise<Set<string>> => {
    const { body } = await proxy.admin('/metrics');
    const lines = body.matchAll(/^windrose_proxy_connections\{worker="(\d+)"\} \d+$/gm);
    return new Set([...lines].map(([, worker = '']) => worker));
  };
  const load = new Load({ port }, CONNECTIONS);
  await until('traffic flows', () => load.sent > 200);
  const tookMs: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const before = await serving();
    const [victim = 0] = childrenOf(supervisor);
    const startMs = performance.now();
    process.kill(victim, 'SIGKILL');
    // New connections are answered, whether they wait for those that live or for who comes.
    const fresh = await Promise.all(Array.from({ length: 40 }, () => fetchOnce({ port })));
    expect(fresh.map(({ status }) => status)).toEqual(Array(40).fill(200));
    await until('another worker serves', async () => {
      const now = await serving();
      return now.size === WORKERS && [...now].some((worker) => !before.has(worker));
    });
    tookMs.push(performance.now() - startMs);
    const reached = load.sent + 200;
    await until('traffic flows on', () => load.sent > reached);
  }
  await load.stop();
  const longest = Math.max(...tookMs);
  const sorted = tookMs.toSorted((a, b) => a - b);
  const [median = 0] = sorted.slice(KILLS >> 1);
  const [late = 0] = sorted.slice(Math.floor(KILLS * 0.95));
  note(
    ...['F01', `${KILLS} kills of one of ${WORKERS} workers under load`],
    `back after ${median.toFixed(0)} ms (median), ${late.toFixed(0)} ms (95th percentile), ` +
      `${longest.toFixed(0)} ms (longest); ` +
      `${load.sent} requests, ${load.failures.length} broken with the worker that had them`,
  );
  // Only what the dead held broke: at most one request of each connection, each time.
  expect(load.failures.length).toBeLessThanOrEqual(KILLS * CONNECTIONS);
  expect([...load.statuses.keys()]).toEqual([200]);
  expect(longest).toBeLessThan(RESPAWN_MAX_MS);
  expect(await proxy.stop()).toBe(0);
});

it('F01: connections that wait when every worker dies are answered', async () => {
  const app = await startApp('echo', (_request, response) => response.end('ok'));
  const port = await freePort();
  const proxy = startProxy(['--resources', shopFile(port, app.port), '--workers', `${WORKERS}`]);
  await proxy.ready();
  const workers = childrenOf(proxy.child.pid ?? 0);
  // Held still, nobody accepts: these are in the queue of the socket when the workers die.
  for (const pid of workers) process.kill(pid, 'SIGSTOP');
  let connected = 0;
  let answered = 0;
  const sockets = Array.from({ length: 100 }, () => {
    const socket = connect(port, '127.0.0.1', () => connected++);
    socket.on('error', () => socket.destroy());
    socket.once('data', () => answered++);
    socket.write(GET);
    return socket;
  });
  await until('all wait', () => connected === sockets.length);
  for (const pid of workers) process.kill(pid, 'SIGKILL');
  await until('each is answered', () => answered === sockets.length);
  for (const socket of sockets) socket.destroy();
  expect(await proxy.stop()).toBe(0);
});

// Limits of the process, by the system's own means: a small heap, few file descriptors, a process
// that is held. Nothing is mocked.
import { type Socket, connect } from 'node:net';
import type http from 'node:http';
import { freePort } from '#test/parts.ts';
import { cpuMs, until } from '#test/processes.ts';
import { childrenOf } from '#test/shop.ts';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type Fetched,
  type ProxyProcess,
  fetchOnce,
  startApp,
  startProxy,
} from '../integration/proxy/proxy-process.ts';
import { startRawUpstream } from '../unit/proxy/forward/harness.ts';
import { GET } from './support/call.ts';
import { shopFile } from './support/shop-file.ts';

interface Running {
  proxy: ProxyProcess;
  port: number;
}

interface Options {
  appPort: number;
  workers?: number;
  env?: NodeJS.ProcessEnv;
  descriptors?: number;
}

async function start({ appPort, workers = 1, env = {}, descriptors }: Options): Promise<Running> {
  const port = await freePort();
  const args = ['--resources', shopFile(port, appPort), '--workers', String(workers)];
  const proxy = startProxy(args, { env, ...(descriptors === undefined ? {} : { descriptors }) });
  await proxy.ready();
  return { proxy, port };
}

/** The sum of one of the proxy's own metrics over its workers. */
async function metric(proxy: ProxyProcess, name: string): Promise<number> {
  const { body } = await proxy.admin('/metrics');
  const values = [...body.matchAll(new RegExp(`^${name}\\{worker="\\d+"\\} (\\S+)$`, 'gm'))];
  return values.reduce((sum, [, value]) => sum + Number(value), 0);
}

/** Clients that ask and then stand still, until the test ends or lets go of them. */
class Standing {
  readonly sockets: Socket[] = [];
  answered = 0;

  constructor() {
    onTestFinished(() => this.leave());
  }

  add(port: number, bytes: string): void {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.on('error', () => socket.destroy());
    socket.once('data', () => this.answered++);
    this.sockets.push(socket);
  }

  /** The last that came, or all. */
  leave(count = this.sockets.length): void {
    for (const socket of this.sockets.splice(-count)) socket.destroy();
  }
}

const probe = (port: number): Promise<Fetched> => fetchOnce({ port, path: '/probe' });

describe('F18: a heap that fills', () => {
  /** Its fields are held as long as the request is. */
  const HEAVY = GET.replace('\r\n\r\n', `\r\n${`X: ${'y'.repeat(8_000)}\r\n`.repeat(7)}\r\n`);

  const timeout = 180_000;
  it.each([1, 2])('%i worker(s): sheds, serves health, recovers', { timeout }, async (workers) => {
    const app = await startRawUpstream((socket) => {
      socket.on('data', (chunk) => {
        if (!chunk.includes('/probe')) return;
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      });
    });
    const env = { NODE_OPTIONS: '--max-old-space-size=48' };
    const { proxy, port } = await start({ appPort: app.port, env, workers });
    const standing = new Standing();
    let shed: Fetched | undefined;
    await until(
      'a request is refused',
      async () => {
        const answer = await probe(port).catch(() => undefined);
        expect(proxy.child.signalCode).toBeNull();
        // Where it was filled so fast that nobody is let in any more, a few let go.
        if (answer === undefined) standing.leave(10);
        else for (let i = 0; i < 10 * workers; i++) standing.add(port, HEAVY);
        if (answer?.body.includes('overloaded') === true) shed = answer;
        return shed !== undefined;
      },
      120_000,
    );
    expect(JSON.parse(shed?.body ?? '')).toMatchObject({ status: 503, reason: 'overloaded' });
    expect(shed?.headers).toMatchObject({ 'retry-after': '1', connection: 'close' });
    expect((await proxy.admin('/healthz')).status).toBe(200);
    expect((await proxy.admin('/readyz')).status).toBe(200);
    expect(await metric(proxy, 'windrose_proxy_overload_level')).toBeGreaterThanOrEqual(1);
    expect((await proxy.admin('/metrics')).body).toContain('reason="overloaded"');
    standing.leave();
    await until('it has recovered', async () => {
      const level = await metric(proxy, 'windrose_proxy_overload_level');
      return level === 0 && (await metric(proxy, 'windrose_proxy_accepting')) === workers;
    });
    const answers = await Promise.all(Array.from({ length: 20 }, () => probe(port)));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    const said = proxy.log().map(({ msg }) => msg);
    expect(said).toContain('memory runs out');
    expect(said).toContain('memory is free again');
    expect(said).not.toContain('a worker died');
    expect(await proxy.stop()).toBe(0);
  });
});

describe('F19: no file descriptors left', () => {
  const LIMIT = 200;

  it.each([1, 2])(
    '%i worker(s): accepting pauses and goes on, who is in lives',
    async (workers) => {
      const held: http.ServerResponse[] = [];
      const app = await startApp('echo', (request, response) => {
        if (request.url === '/probe') response.end('ok');
        else held.push(response);
      });
      const { proxy, port } = await start({ appPort: app.port, descriptors: LIMIT, workers });
      const standing = new Standing();
      const pauses = (): Promise<number> => metric(proxy, 'windrose_proxy_accept_pauses');
      await until('accepting has paused', async () => {
        for (let i = 0; i < 10; i++) standing.add(port, GET);
        return (await pauses()) >= workers;
      });
      const usedMs = (): number =>
        [proxy.child.pid ?? 0, ...childrenOf(proxy.child.pid ?? 0)]
          .map(cpuMs)
          .reduce((a, b) => a + b);
      const before = usedMs();
      for (let i = 0; i < LIMIT; i++) standing.add(port, GET);
      // Health is read with a descriptor, too.
      for (let i = 0; i < 20; i++) expect((await proxy.admin('/healthz')).status).toBe(200);
      expect(await metric(proxy, 'windrose_proxy_accepting')).toBe(0);
      expect(usedMs() - before).toBeLessThan(1_000);
      // Nobody was pushed out: each that has been let in is answered.
      const inFlight = await metric(proxy, 'windrose_proxy_requests_in_flight');
      expect(inFlight).toBeGreaterThan(40);
      expect(held).toHaveLength(inFlight);
      for (const response of held.splice(0)) response.end('late');
      await until('all are answered', () => standing.answered >= inFlight);
      standing.leave();
      await until('accepting goes on', async () => {
        return (await metric(proxy, 'windrose_proxy_accepting')) === workers;
      });
      await until('it serves', async () => {
        const answer = await probe(port).catch(() => undefined);
        return answer?.status === 200;
      });
      const count = (message: string): number =>
        proxy.log().filter(({ msg }) => msg === message).length;
      expect(count('file descriptors run out: accepting pauses')).toBe(await pauses());
      expect(await pauses()).toBeLessThanOrEqual(3 * workers);
      expect(count('a worker died')).toBe(0);
      expect(await proxy.stop()).toBe(0);
    },
  );
});

describe('F20: an event loop that stands still', () => {
  async function started(workers: number): Promise<Running & { appPort: number }> {
    const { port: appPort } = await startApp('echo', (_request, response) => response.end('ok'));
    return { ...(await start({ appPort, workers })), appPort };
  }

  it("a worker's: liveness flips within seconds, says which, and comes back", async () => {
    const { proxy, port } = await started(2);
    const [stopped = 0] = childrenOf(proxy.child.pid ?? 0);
    const health = (): Promise<number> => proxy.admin('/healthz').then(({ status }) => status);
    expect(await health()).toBe(200);
    process.kill(stopped, 'SIGSTOP');
    const startMs = performance.now();
    await until('liveness has flipped', async () => (await health()) === 503, 15_000);
    expect(performance.now() - startMs).toBeGreaterThan(3_000);
    expect((await proxy.admin('/healthz')).body).toContain(`(pid ${stopped}) has stood still`);
    process.kill(stopped, 'SIGCONT');
    await until('liveness is back', async () => (await health()) === 200);
    expect((await probe(port)).status).toBe(200);
    const said = proxy.log().filter(({ msg }) => msg === 'a worker stands still');
    expect(said).toMatchObject([{ pid: stopped }]);
    expect(await proxy.stop()).toBe(0);
  });

  it('the only one: health is silent as long, and answers after it', async () => {
    const { proxy, appPort } = await started(1);
    const { pid = 0 } = proxy.child;
    process.kill(pid, 'SIGSTOP');
    let answered = false;
    const health = proxy.admin('/healthz').finally(() => (answered = true));
    // One that turns has answered a hundred times meanwhile.
    for (let i = 0; i < 100; i++) await probe(appPort);
    expect(answered).toBe(false);
    process.kill(pid, 'SIGCONT');
    expect((await health).status).toBe(200);
    expect(await proxy.stop()).toBe(0);
  });
});

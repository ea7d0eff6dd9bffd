import { type Server, type Socket, connect, createServer } from 'node:net';
import type { AlertNotification, BudgetHistory, SloTest } from '#contracts/api/alerting.ts';
import { eventually } from '#test/eventually.ts';
import { clickhouseUrl, freePort, natsUrl, tempDir, uniqueMesh } from '#test/parts.ts';
import { startReceiver } from '#test/receiver.ts';
import { afterEach, describe, expect, test } from 'vitest';
import { policy, slo } from '../../unit/alerting/fixtures.ts';
import { ConfigLogWriter } from './config-log.ts';
import { Feed } from './feed.ts';
import { Service } from './service.ts';

const stops: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

const STEP_MS = 10_000;
/** Longest that anything waited for may take: an evaluation a second, on a busy machine. */
const WAIT_MS = 30_000;

/** 90 % of answers are promised; twice the budget over both windows pages. */
const objective = (target = 0.9) =>
  slo({ target, timeWindow: '1h', policies: [policy(2, ['20s', '10s'])] });

/**
 * A mesh with its config log and tables. Time is the data's: the steps played lie in the last
 * minutes, so that a test plays minutes in as long as it takes to evaluate them.
 */
async function setUp() {
  const mesh = uniqueMesh();
  const writer = await ConfigLogWriter.open(mesh);
  stops.push(() => writer.stop());
  await writer.create();
  const feed = await Feed.create(mesh);
  stops.push(() => feed.stop());
  let stepMs = Math.floor(Date.now() / STEP_MS) * STEP_MS - 90_000;
  /** One whole step of 100 requests; answers its end as `dataUntil` shows it. */
  const step = async (failed: number): Promise<string> => {
    const row = { timeMs: stepMs + 8_000, source: 'shop/orders', destination: 'shop/payments' };
    await feed.send([
      { ...row, statusClass: '2xx', requests: 100 - failed },
      { ...row, statusClass: '5xx', requests: failed },
    ]);
    stepMs += STEP_MS;
    return new Date(stepMs).toISOString();
  };
  const flags = {
    mesh,
    nats: natsUrl(),
    clickhouse: clickhouseUrl(),
    listen: '127.0.0.1:0',
    interval: '1s',
    'data-dir': tempDir(),
  };
  const start = async (more: Record<string, string | string[]> = {}): Promise<Service> => {
    const service = await Service.start({ ...flags, ...more });
    stops.push(() => service.end('SIGKILL'));
    return service;
  };
  return { feed, flags, mesh, start, step, writer };
}

async function webhook() {
  const receiver = await startReceiver<AlertNotification>();
  stops.push(() => receiver.stop());
  const states = () => receiver.received.map(({ alert }) => alert.state);
  return { ...receiver, flag: `oncall=${receiver.url}/hook`, states };
}

const evaluatedUntil = (service: Service, dataUntil: string) =>
  eventually(async () => (await service.slos()).find((item) => item.dataUntil === dataUntil), {
    what: `an evaluation of the data until ${dataUntil}`,
    timeoutMs: WAIT_MS,
  });

const PENDING = 'windrose_alerting_notifications_pending';
const nothingPending = (service: Service) =>
  eventually(async () => (await service.metric(PENDING)) === 0 || undefined, {
    what: 'an empty outbox',
    timeoutMs: WAIT_MS,
  });

describe('a breach', () => {
  test('pages once through a restart, and its end is told', async () => {
    const { mesh, start, step, writer } = await setUp();
    const { flag, states, waitFor } = await webhook();
    await writer.apply([objective()]);
    const first = await start({ webhook: flag });
    await step(0);
    const healthy = await evaluatedUntil(first, await step(10));
    expect(healthy).toMatchObject({ state: 'ok', good: 190, total: 200, budgetLeft: 0.5 });
    expect(healthy.burnRates.map(({ rate }) => rate)).toEqual([0.5, 1]);

    await step(50);
    const page = await waitFor(({ alert }) => alert.state === 'firing', WAIT_MS);
    expect(page).toMatchObject({
      version: 1,
      mesh,
      alert: {
        slo: 'shop/payments',
        service: 'payments',
        policy: 'burn',
        severity: 'page',
        summary:
          'payments: "Payments answer" (90 %) burns its error budget 3 times as fast as allowed ' +
          'over 20s (threshold 2) and 5 times as fast as allowed over 10s (threshold 2)',
      },
      objective: { displayName: 'Payments answer', target: 0.9 },
    });
    expect(await first.alerts()).toEqual([page.alert]);

    // What is acknowledged but not yet noted would be sent again, under the same notificationId.
    await nothingPending(first);
    expect(await first.end('SIGKILL')).toBe('SIGKILL');
    const second = await start({ webhook: flag });
    const still = await evaluatedUntil(second, await step(60));
    expect(still.state).toBe('firing');

    // 60 of 200 over the long window still are three times the budget: the short one decides.
    const over = await evaluatedUntil(second, await step(0));
    expect(over.state).toBe('ok');
    expect(over.burnRates.map(({ rate }) => rate)).toEqual([3, 0]);
    const end = await waitFor(({ alert }) => alert.state === 'resolved', WAIT_MS);
    expect(end.alert.id).toBe(page.alert.id);
    expect(end.notificationId).not.toBe(page.notificationId);
    expect(states()).toEqual(['firing', 'resolved']);
    expect(await second.alerts()).toEqual([end.alert]);
    expect(await second.end('SIGTERM')).toBe(0);
  });

  test('is told exactly once to a webhook that was away, by whichever process', async () => {
    const { start, step, writer } = await setUp();
    const receiver = await startReceiver<AlertNotification>();
    stops.push(() => receiver.stop());
    const link = await startLink(Number(new URL(receiver.url).port));
    stops.push(() => link.stop());
    link.cut();
    const flag = `oncall=${link.url}/hook`;
    await writer.apply([objective()]);
    await step(50);
    await step(50);
    const first = await start({ webhook: flag });
    const failed = 'windrose_alerting_notifications_total{target="oncall",result="failed"}';
    await eventually(async () => ((await first.metric(failed)) ?? 0) >= 2 || undefined, {
      what: 'two failed attempts',
      timeoutMs: WAIT_MS,
    });
    const [alert] = await first.alerts();
    expect(await first.end('SIGTERM')).toBe(0);
    const second = await start({ webhook: flag });
    expect(await second.metric(PENDING)).toBe(1);
    link.mend();
    await receiver.waitFor(() => true, WAIT_MS);
    await nothingPending(second);
    await evaluatedUntil(second, await step(50));
    expect(receiver.received.map(({ notificationId }) => notificationId)).toEqual([
      `${alert?.id}-firing`,
    ]);
  });

  test('outlives ClickHouse: silence neither fires nor resolves', async () => {
    const { start, step, writer } = await setUp();
    const { flag, states, waitFor } = await webhook();
    const link = await startLink(Number(new URL(clickhouseUrl()).port));
    stops.push(() => link.stop());
    await writer.apply([objective()]);
    await step(50);
    await step(50);
    const service = await start({ webhook: flag, clickhouse: link.url });
    await waitFor(({ alert }) => alert.state === 'firing', WAIT_MS);
    link.cut();
    await step(0);
    await step(0);
    const away = await eventually(
      async () => {
        const { status, reason } = await service.ready();
        return status === 503 ? reason : undefined;
      },
      { what: 'not ready', timeoutMs: WAIT_MS },
    );
    expect(away).toContain('the objectives cannot be evaluated: ClickHouse at 127.0.0.1');
    const failed = 'windrose_alerting_evaluations_total{result="failed"}';
    const before = (await service.metric(failed)) ?? 0;
    await eventually(async () => ((await service.metric(failed)) ?? 0) > before || undefined, {
      what: 'one more failed evaluation',
      timeoutMs: WAIT_MS,
    });
    expect(states()).toEqual(['firing']);
    expect((await service.alerts())[0]?.state).toBe('firing');
    link.mend();
    await waitFor(({ alert }) => alert.state === 'resolved', WAIT_MS);
    expect((await service.ready()).status).toBe(200);
  });
});

describe('objectives', () => {
  test('are followed while they change, without a restart', async () => {
    const { start, step, writer } = await setUp();
    const { flag, waitFor } = await webhook();
    const service = await start({ webhook: flag });
    await step(15);
    const until = await step(15);
    await eventually(async () => ((await service.slos()).length === 0 ? true : undefined), {
      what: 'no objectives',
      timeoutMs: WAIT_MS,
    });
    await writer.apply([objective()]);
    expect(await evaluatedUntil(service, until)).toMatchObject({ target: 0.9, state: 'ok' });
    // The same 15 % are 1.5 times a budget of 10 %, and three times one of 5 %.
    await writer.apply([objective(0.95)]);
    const page = await waitFor(({ alert }) => alert.state === 'firing', WAIT_MS);
    expect(page.objective.target).toBe(0.95);
    await writer.apply([], [{ kind: 'SLO', namespace: 'shop', name: 'payments' }]);
    const end = await waitFor(({ alert }) => alert.state === 'resolved', WAIT_MS);
    expect(end.alert.summary).toContain('which was removed');
    expect(await service.slos()).toEqual([]);
  });

  test('are played before they are applied', async () => {
    const { start, step } = await setUp();
    const service = await start();
    const play = async (body: object): Promise<{ status: number; body: unknown }> => {
      const response = await fetch(`${service.url}/v1/slos/test`, {
        ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
        body: JSON.stringify(body),
      });
      return { status: response.status, body: await response.json() };
    };
    const request = { slo: objective(), since: new Date(Date.now() - 3_600_000).toISOString() };
    expect(await play(request)).toMatchObject({
      ...{ status: 503, body: { detail: 'no data has come in yet' } },
    });
    for (let at = 0; at < 8; at++) await step(50);
    const done = await play(request);
    expect(done).toMatchObject({ status: 200, body: { slo: 'shop/payments', stepMs: 10_000 } });
    expect((done.body as SloTest).alerts).toHaveLength(1);
    expect(await play({ ...request, since: '2030-01-01T00:00:00Z' })).toMatchObject({
      status: 400,
    });
    expect(await play({ ...request, since: '2020-01-01T00:00:00Z' })).toMatchObject({
      ...{ status: 400, body: { detail: 'the data is kept for 90 days, and no longer' } },
    });
    expect(await play({ ...request, since: 'yesterday' })).toMatchObject({ status: 400 });
    const broken = { ...objective(), spec: { ...objective().spec, objectives: [] } };
    expect(await play({ ...request, slo: broken })).toMatchObject({
      ...{ status: 422, body: { problems: [{ path: 'spec.objectives' }] } },
    });
    expect(await service.slos().catch(() => [])).toEqual([]);
  });

  test('have a history, and none of what is not there', async () => {
    const { start, step, writer } = await setUp();
    const service = await start();
    await writer.apply([objective()]);
    for (let at = 0; at < 8; at++) await step(5);
    const until = await step(5);
    await evaluatedUntil(service, until);
    const history = (name: string, query: string): Promise<Response> =>
      fetch(`${service.url}/v1/slos/${name}/history?${query}`);
    const since = `since=${new Date(Date.now() - 3_600_000).toISOString()}`;
    const found = (await (await history('shop/payments', `${since}&points=4`)).json()) as object;
    // Nine steps of 100, of which 5 failed where 10 may: the last point is a whole minute.
    expect(found).toMatchObject({ slo: 'shop/payments', target: 0.9 });
    expect((found as BudgetHistory).items.at(-1)).toMatchObject({ ratio: 0.95, budgetLeft: 0.5 });
    expect((await history('shop/none', since)).status).toBe(404);
    expect((await history('shop/payments', `${since}&points=0`)).status).toBe(400);
  });

  test('show what their author or operator got wrong', async () => {
    const { start, step, writer } = await setUp();
    await writer.apply([objective()]);
    const service = await start({ webhook: 'chat=http://127.0.0.1:9/hook' });
    const status = await evaluatedUntil(service, await step(0));
    expect(status.problems).toEqual([
      'policy burn notifies oncall, but no --webhook has that name',
    ]);
  });
});

describe('the process', () => {
  test('serves while its parts are away, says why it is not ready, and ends cleanly', async () => {
    const nothing = `127.0.0.1:${await freePort()}`;
    const service = await Service.start({
      mesh: uniqueMesh(),
      nats: `nats://${nothing}`,
      clickhouse: `http://${nothing}`,
      listen: '127.0.0.1:0',
      'data-dir': tempDir(),
    });
    stops.push(() => service.end('SIGKILL'));
    expect(await service.ready()).toEqual({
      status: 503,
      reason: 'NATS has not been reached yet',
    });
    await expect(service.slos()).rejects.toThrow('NATS has not been reached yet');
    expect(await service.alerts()).toEqual([]);
    const openapi = (await (await fetch(`${service.url}/openapi.json`)).json()) as {
      paths: object;
    };
    expect(Object.keys(openapi.paths)).toEqual([
      '/v1/slos',
      '/v1/slos/test',
      '/v1/slos/{namespace}/{name}/history',
      '/v1/alerts',
    ]);
    expect(await service.end('SIGTERM')).toBe(0);
  });

  test.each([
    [{ webhook: 'oncall' }, '--webhook oncall is not name=url'],
    [{ webhook: ['a=http://x.test', 'a=http://y.test'] }, '--webhook a is given twice'],
    [{ interval: '5' }, '--interval 5 is no duration of at least 1s'],
    [{ trust: 'x.pem' }, '--insecure-unsigned and --trust contradict each other; give one'],
    [{ mesh: 'No_Label' }, '--mesh No_Label is no name of a mesh'],
  ])('refuses %j with one sentence', async (wrong, sentence) => {
    const flags: Record<string, string | string[]> = { 'data-dir': tempDir(), ...wrong };
    await expect(Service.start(flags)).rejects.toThrow(
      new RegExp(`^exit 2: windrose-alerting: ${sentence}[^\n]*\n$`),
    );
  });
});

/** A connection to a local port that can be cut and mended. */
async function startLink(port: number) {
  const sockets = new Set<Socket>();
  let whole = true;
  const server: Server = createServer((near) => {
    if (!whole) {
      near.destroy();
      return;
    }
    const far = connect(port, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  const cut = (): void => {
    whole = false;
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    cut,
    mend: (): void => {
      whole = true;
    },
    stop: (): void => {
      cut();
      server.close();
    },
  };
}

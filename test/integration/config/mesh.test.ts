import type { ProxyList, ReceiptBoard } from '#contracts/api/config.ts';
import type { Explanation } from '#contracts/api/explain.ts';
import type { Heartbeat, ServiceEndpoints } from '#contracts/events.ts';
import type { ProblemDetails } from '#contracts/problems.ts';
import { meshSubjects } from '#contracts/subjects.ts';
import { decodeJson } from '#platform/nats.ts';
import { uniqueMesh } from '#test/parts.ts';
import type { NatsConnection } from 'nats';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  type Answer,
  type Api,
  SpokenProxy,
  eventually,
  natsClient,
  route,
  service,
  startService,
} from './support.ts';

let mesh: string;
let api: Api;
let connection: NatsConnection;

beforeEach(async () => {
  mesh = uniqueMesh();
  connection = await natsClient();
  api = (await startService(mesh)).api;
});

const announcing = (port: number, more: Partial<Heartbeat> = {}): Partial<Heartbeat> => ({
  announces: { service: 'shop/reviews', address: '127.0.0.1', port },
  ...more,
});

/** The last published set of shop/reviews and its sequence. */
async function published(): Promise<{ ports: number[]; sequence: number } | undefined> {
  const manager = await connection.jetstreamManager();
  const subjects = meshSubjects(mesh);
  const last = { last_by_subj: subjects.endpoints('shop', 'reviews') };
  try {
    const message = await manager.streams.getMessage(subjects.streams.endpoints, last);
    const set = decodeJson(message.data) as unknown as ServiceEndpoints;
    return { ports: set.endpoints.map(({ port }) => port), sequence: message.seq };
  } catch {
    return undefined; // Nothing published yet.
  }
}

async function untilPublished(ports: number[]): Promise<void> {
  await eventually(`ports ${ports.join()}`, async () => {
    return (await published())?.ports.join() === ports.join();
  });
}

const proxiesOf = async (from: Api): Promise<string[]> => {
  const { body } = await from.get<ProxyList>('/v1/proxies');
  return body.items.map(({ proxy, state, behind }) => `${proxy} ${state} ${behind}`);
};

describe('the registry', () => {
  test('publishes a set when it changes, and only then', async () => {
    const [r1, r2] = ['r1', 'r2'].map((name) => new SpokenProxy(connection, mesh, name));
    await r1?.beat(announcing(9001));
    await untilPublished([9001]);
    await r2?.beat(announcing(9002));
    await untilPublished([9001, 9002]);
    const before = await published();
    for (let i = 0; i < 5; i++) await r1?.beat(announcing(9001));
    await r2?.beat(announcing(9002, { state: 'goodbye' }));
    await untilPublished([9001]);
    expect((await published())?.sequence).toBe((before?.sequence ?? 0) + 1);
    await r1?.beat(announcing(9101, { instance: 'r1-2' }));
    await untilPublished([9101]);
  });

  test('never takes a link-local address, nor one outside the mesh', async () => {
    const r1 = new SpokenProxy(connection, mesh, 'r1');
    const r2 = new SpokenProxy(connection, mesh, 'r2');
    const at = (address: string): Partial<Heartbeat> => ({
      announces: { service: 'shop/reviews', address, port: 9000 },
    });
    await r1.beat(at('169.254.169.254'));
    await r2.beat(at('10.0.0.1'));
    await eventually('the allowed one is published', async () => {
      return (await published())?.ports.length === 1;
    });
    await api.write({
      upserts: [
        {
          apiVersion: 'windrose.dev/v1',
          kind: 'Mesh',
          metadata: { name: 'default' },
          spec: { endpointCidrs: ['127.0.0.0/8'] },
        },
      ],
    });
    await untilPublished([]);
    const metrics = await api.get<string>('/metrics');
    expect(metrics.body).toContain('windrose_config_announcements_refused_total 1\n');
  });

  test('outlives its service: a second one keeps what the first published', async () => {
    const r1 = new SpokenProxy(connection, mesh, 'r1');
    await r1.beat(announcing(9001));
    await untilPublished([9001]);
    const before = await published();
    const second = await startService(mesh);
    const r2 = new SpokenProxy(connection, mesh, 'r2');
    await r2.beat(announcing(9002));
    await untilPublished([9001, 9002]);
    const { body } = await second.api.get<{ items: ServiceEndpoints[] }>('/v1/endpoints');
    expect(body.items[0]?.endpoints.map(({ port }) => port)).toEqual([9001, 9002]);
    expect((await published())?.sequence).toBe((before?.sequence ?? 0) + 1);
  });

  test('ignores heartbeats that speak for somebody else', async () => {
    const liar = new SpokenProxy(connection, mesh, 'liar');
    await liar.beat({ ...announcing(6666), proxy: 'other' });
    await liar.beat({ ...announcing(6666), mesh: 'other' });
    await new SpokenProxy(connection, mesh, 'r1').beat(announcing(9001));
    await untilPublished([9001]);
    expect(await proxiesOf(api)).toEqual(['r1 up 0']);
    const metrics = await api.get<string>('/metrics');
    expect(metrics.body).toContain('heartbeats_refused_total{why="unreadable"} 2');
  });
});

describe('proxies', () => {
  test('are listed with stragglers first', async () => {
    await api.write({ upserts: [service('a')] });
    await api.write({ upserts: [service('b')] });
    const at = (sequence: number): Partial<Heartbeat> => ({ revision: { epoch: 1, sequence } });
    await new SpokenProxy(connection, mesh, 'fresh').beat(at(2));
    await new SpokenProxy(connection, mesh, 'late').beat(at(1));
    await new SpokenProxy(connection, mesh, 'later').beat(at(0));
    const left = new SpokenProxy(connection, mesh, 'away');
    await left.beat({ state: 'goodbye' });
    await eventually('all are heard', async () => (await proxiesOf(api)).length === 4);
    expect(await proxiesOf(api)).toEqual(['later up 2', 'late up 1', 'fresh up 0', 'away left 2']);
    const { items } = (await api.get<ProxyList>('/v1/proxies')).body;
    const times = await Promise.all(
      [1, 2].map(async (n) => (await api.get<{ time: string }>(`/v1/changesets/${n}`)).body.time),
    );
    const since = items.slice(0, 3).map(({ behindSince }) => behindSince);
    expect(since).toEqual([...times, undefined]);
  });

  test('that have sent a receipt count as there before their next heartbeat', async () => {
    await api.write({ upserts: [service('a')] });
    const proxy = new SpokenProxy(connection, mesh, 'p');
    await proxy.beat();
    await proxy.receipt(1);
    await eventually('the receipt counts', async () => (await proxiesOf(api)).join() === 'p up 0');
    const { body } = await api.get<ProxyList>('/v1/proxies');
    expect(body.items[0]?.receipt).toMatchObject({ result: 'applied', revision: { sequence: 1 } });
  });
});

describe('explain', () => {
  const ask = (body: object): Promise<Answer<Explanation & ProblemDetails>> =>
    api.post<Explanation & ProblemDetails>('/v1/explain', { method: 'GET', ...body });
  const url = 'http://orders.shop/list';

  beforeEach(async () => {
    await api.write({ upserts: ['orders', 'reviews', 'storefront'].map((name) => service(name)) });
    await api.write({ upserts: [route('canary', 'orders', 'reviews')] });
    await new SpokenProxy(connection, mesh, 'r1').beat(announcing(9001));
    await untilPublished([9001]);
  });

  test('is decided by the code that serves, with the endpoints known now', async () => {
    const { status, body } = await ask({ url, from: 'shop/storefront' });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      revision: '1-2',
      direction: 'outbound',
      match: { route: 'shop/canary' },
      outcome: { forwarded: true },
    });
    expect(body.backends[0]).toMatchObject({
      backend: 'shop/reviews:80',
      endpoints: [{ address: '127.0.0.1:9001', proxy: 'r1' }],
    });
  });

  test('as a proxy decides, and as of a revision', async () => {
    expect((await ask({ url, proxy: 'r1' })).body.direction).toBe('outbound');
    const past = await ask({ url, from: 'shop/storefront', at: '1' });
    expect(past.body.revision).toBe('1-1');
    expect(past.body.match).toBeUndefined();
  });

  test.each([
    [{ proxy: 'nobody' }, 404, 'no proxy nobody'],
    [{ proxy: 'r1', from: 'shop/orders' }, 400, 'its workload is shop/reviews'],
    [{ from: 'nonsense' }, 400, 'write namespace/name'],
    [{ from: 'shop/nobody' }, 404, 'no Service shop/nobody'],
    [{ at: '9' }, 404, 'no revision 9'],
    [{ at: 'x' }, 400, 'x is no revision'],
    [{ header: 'x' }, 400, 'header'],
  ])('of %j is refused with a sentence', async (more, status, sentence) => {
    const answer = await ask({ url, ...more });
    expect(answer.status).toBe(status);
    expect(answer.body.detail).toContain(sentence);
  });
});

describe('receipts', () => {
  test('come in as events until every proxy that was up has spoken', async () => {
    const proxies = ['a', 'b', 'c'].map((name) => new SpokenProxy(connection, mesh, name));
    for (const proxy of proxies) await proxy.beat();
    await eventually('all are up', async () => (await proxiesOf(api)).length === 3);
    const answer = await api.write({ upserts: [service('x')] });
    expect(answer.audience).toEqual(['a', 'b', 'c']);
    const path = `/v1/revisions/${answer.revision}/receipts`;
    const first = await api.get<ReceiptBoard>(path);
    expect(first.body).toMatchObject({ revision: '1-1', done: false });
    const boards = await readEvents(`${api.url}${path}`, async (board) => {
      const waiting = board.items.filter(({ state }) => state === 'pending').length;
      if (waiting === 3) await proxies[0]?.receipt(1);
      if (waiting === 2) await proxies[1]?.receipt(1, 'partial');
      if (waiting === 1) await proxies[2]?.beat({ state: 'goodbye' });
    });
    const shown = boards.map(({ items }) => items.map(({ proxy, state }) => `${proxy} ${state}`));
    expect(shown).toEqual([
      ['a pending', 'b pending', 'c pending'],
      ['b pending', 'c pending', 'a applied'],
      ['c pending', 'b partial', 'a applied'],
      ['b partial', 'c gone', 'a applied'],
    ]);
    expect(boards.map(({ done }) => done)).toEqual([false, false, false, true]);
  });

  test('of a later revision count for earlier ones, and outlive the service', async () => {
    const proxy = new SpokenProxy(connection, mesh, 'a');
    await proxy.beat();
    await eventually('it is up', async () => (await proxiesOf(api)).length === 1);
    await api.write({ upserts: [service('x')] });
    await api.write({ upserts: [service('y')] });
    await proxy.receipt(2);
    const second = await startService(mesh);
    const { body } = await second.api.get<ReceiptBoard>('/v1/revisions/1/receipts');
    expect(body).toMatchObject({ done: true, items: [{ proxy: 'a', state: 'applied' }] });
    expect((await api.get('/v1/revisions/3/receipts')).status).toBe(404);
    expect((await api.get('/v1/revisions/x/receipts')).status).toBe(400);
  });

  test('go on when the server has lost their stream, as a restart of it does', async () => {
    const proxy = new SpokenProxy(connection, mesh, 'a');
    await proxy.beat();
    await eventually('it is up', async () => (await proxiesOf(api)).length === 1);
    const { revision } = await api.write({ upserts: [service('x')] });
    const manager = await connection.jetstreamManager();
    await manager.streams.delete(meshSubjects(mesh).streams.receipts);
    await eventually('the receipt is taken', async () => {
      return proxy.receipt(1).then(
        () => true,
        () => false,
      );
    });
    await eventually('the receipt counts', async () => {
      return (await api.get<ReceiptBoard>(`/v1/revisions/${revision}/receipts`)).body.done;
    });
    expect(await proxiesOf(api)).toEqual(['a up 0']);
  });

  test('a service that ends takes its open streams with it', async () => {
    const other = await startService(mesh);
    await new SpokenProxy(connection, mesh, 'a').beat();
    await eventually('it is up', async () => (await proxiesOf(other.api)).length === 1);
    const { revision } = await other.api.write({ upserts: [service('x')] });
    const boards = await readEvents(`${other.url}/v1/revisions/${revision}/receipts`, () =>
      other.stop(),
    );
    expect(boards).toHaveLength(1);
  });
});

/** Reads server-sent events until the server ends the stream. */
async function readEvents(
  url: string,
  onBoard: (board: ReceiptBoard) => Promise<void>,
): Promise<ReceiptBoard[]> {
  const response = await fetch(url, { headers: { accept: 'text/event-stream' } });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const boards: ReceiptBoard[] = [];
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of response.body ?? []) {
    rest += decoder.decode(chunk, { stream: true });
    const blocks = rest.split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      if (!block.startsWith('data: ')) continue;
      const board = JSON.parse(block.slice(6)) as ReceiptBoard;
      boards.push(board);
      await onBoard(board);
    }
  }
  return boards;
}

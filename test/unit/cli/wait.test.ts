import type { ServerResponse } from 'node:http';
import type { ReceiptBoard } from '#contracts/api/config.ts';
import { expect, test } from 'vitest';
import { type Handler, fakeApi, json, problem, windrose } from './harness.ts';

type State = ReceiptBoard['items'][number]['state'];

const board = (states: Record<string, State>, problems: object[] = []) => ({
  revision: '1-8',
  done: !Object.values(states).includes('pending'),
  items: Object.entries(states).map(([proxy, state]) => ({
    proxy,
    state,
    ...(state === 'partial' ? { receipt: { problems } } : {}),
  })),
});

const stream = (response: ServerResponse): void => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
};
const send = (response: ServerResponse, value: unknown): void => {
  response.write(`data: ${JSON.stringify(value)}\n\n`);
};

const RECEIPTS = 'GET /v1/revisions/8/receipts';

test('receipts are shown as they come in; the end is when all have applied', async () => {
  const api = await fakeApi({
    [RECEIPTS]: (asked, response) => {
      expect(asked.headers.accept).toBe('text/event-stream');
      stream(response);
      send(response, board({ edge: 'pending', 'orders-1': 'pending' }));
      send(response, board({ edge: 'applied', 'orders-1': 'pending' }));
      send(response, board({ edge: 'applied', 'orders-1': 'applied' }));
      response.end();
    },
  });
  const ran = await windrose(['wait', '8', ...api.server]);
  expect(ran).toEqual({
    status: 0,
    out: 'revision 1-8 applied by 2 proxies\n',
    err:
      '0 of 2 proxies answered; waiting for edge, orders-1\n' +
      '1 of 2 proxies answered; waiting for orders-1\n' +
      '2 of 2 proxies answered\n',
  });
});

test('on a terminal the line of progress is rewritten and gone in the end', async () => {
  const api = await fakeApi({
    [RECEIPTS]: (_asked, response) => {
      stream(response);
      send(response, board({ edge: 'pending' }));
      send(response, board({ edge: 'applied' }));
      response.end();
    },
  });
  const ran = await windrose(['wait', '8', ...api.server], { tty: true });
  const clear = '\r\u001b[2K';
  expect(ran.err.split(clear)).toEqual([
    '',
    '0 of 1 proxy answered; waiting for edge',
    '1 of 1 proxy answered',
    '',
  ]);
});

test('one partial proxy is status 1 with every reason; gone ones are listed', async () => {
  const problems = [
    {
      resource: 'Gateway/shop/edge',
      path: 'spec.listeners[0].port',
      reason: 'cannot_apply',
      message: 'port 80 on 0.0.0.0 is taken',
    },
  ];
  const api = await fakeApi({
    [RECEIPTS]: (_asked, response) => {
      stream(response);
      send(response, board({ edge: 'partial', 'orders-1': 'applied', old: 'gone' }, problems));
      response.end();
    },
  });
  const ran = await windrose(['wait', '8', ...api.server]);
  expect(ran).toMatchObject({ status: 1, out: '' });
  await expect(ran.err).toMatchFileSnapshot('../../golden/cli/wait-partial.txt');
});

test('time runs out: status 5 with the stragglers', async () => {
  const api = await fakeApi({
    [RECEIPTS]: (_asked, response) => {
      stream(response);
      send(response, board({ edge: 'applied', 'orders-1': 'pending' }));
    },
  });
  const ran = await windrose(['wait', '8', '--timeout', '100ms', ...api.server]);
  expect(ran.status).toBe(5);
  expect(ran.err).toMatch(/time ran out .* 1 proxy has not applied revision 1-8: orders-1\n$/);
});

test('when time runs out a program still learns what was written and who has it', async () => {
  const api = await fakeApi({
    'POST /v1/changesets': (_asked, response) =>
      json(response, 201, { revision: '1-8', created: true, changes: [], warnings: [] }),
    'GET /v1/revisions/1-8/receipts': (_asked, response) => {
      stream(response);
      send(response, board({ edge: 'applied', 'orders-1': 'pending' }));
    },
    [RECEIPTS]: (_asked, response) => {
      stream(response);
      send(response, board({ edge: 'applied', 'orders-1': 'pending' }));
    },
  });
  const wrote = await windrose(['rollback', '--wait=100ms', '-o', 'json', ...api.server]);
  expect(wrote.status).toBe(5);
  expect(JSON.parse(wrote.out)).toMatchObject({
    revision: '1-8',
    receipts: [
      { proxy: 'edge', state: 'applied' },
      { proxy: 'orders-1', state: 'pending' },
    ],
  });
  const waited = await windrose(['wait', '8', '--timeout', '100ms', '-o', 'json', ...api.server]);
  expect(waited.status).toBe(5);
  expect(JSON.parse(waited.out)).toMatchObject({ done: false });
});

test('when nothing answers the time that ran out is the one that was asked for', async () => {
  const api = await fakeApi({ [RECEIPTS]: () => undefined });
  const ran = await windrose(['wait', '8', '--timeout', '50ms', ...api.server]);
  expect(ran).toMatchObject({ status: 5, out: '' });
  expect(ran.err).toMatch(/^windrose: no word of revision 8 within \d\.\d s\n$/);
});

test('a config service that restarts meanwhile is asked again', async () => {
  let tries = 0;
  const api = await fakeApi({
    [RECEIPTS]: (_asked, response) => {
      tries++;
      if (tries === 2) {
        json(response, 503, { code: 'unavailable', detail: 'the log is being read' });
        return;
      }
      stream(response);
      if (tries === 1) {
        response.write(`data: ${JSON.stringify(board({ edge: 'pending' }))}\n\n`, () => {
          response.destroy();
        });
        return;
      }
      send(response, board({ edge: 'applied' }));
      response.end();
    },
  });
  const ran = await windrose(['wait', '8', ...api.server]);
  expect({ status: ran.status, tries }).toEqual({ status: 0, tries: 3 });
});

test('a revision that does not exist is said at once', async () => {
  const api = await fakeApi({ [RECEIPTS]: problem(404, 'not-found', 'there is no revision 8') });
  const ran = await windrose(['wait', '8', ...api.server]);
  expect(ran).toEqual({ status: 1, out: '', err: 'windrose: there is no revision 8\n' });
});

test('--wait waits for the revision that was written; data goes out as one document', async () => {
  const post: Handler = (_asked, response) =>
    json(response, 201, { revision: '1-8', created: true, changes: [], warnings: [] });
  const api = await fakeApi({
    'POST /v1/changesets': post,
    'GET /v1/revisions/1-8/receipts': (_asked, response) => {
      stream(response);
      send(response, board({ edge: 'applied' }));
      response.end();
    },
  });
  const text = await windrose(['rollback', '--wait', ...api.server]);
  expect(text.out).toBe('revision 1-8: nothing changed\nrevision 1-8 applied by 1 proxy\n');
  const data = await windrose(['rollback', '--wait=5s', '-o', 'json', ...api.server]);
  expect(JSON.parse(data.out)).toMatchObject({
    revision: '1-8',
    receipts: [{ proxy: 'edge', state: 'applied' }],
  });
});

import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import { FakeClock } from '#platform/clock.ts';
import { createLog } from '#platform/log.ts';
import { eventually } from '#test/eventually.ts';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import {
  Alertmanagers,
  RESEND_MS,
  RESOLVED_SAID_MS,
} from '../../../services/alerting/alertmanager.ts';
import { createMetrics } from '../../../services/alerting/metrics.ts';
import type { StoredAlert } from '../../../services/alerting/state.ts';

/** An Alertmanager as far as its API v2 takes alerts: what it was told, one list for each time. */
class Fake {
  readonly told: Record<string, Record<string, string> | string>[][] = [];
  status = 200;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      request.on('end', () => {
        const isIt = request.method === 'POST' && request.url === '/am/api/v2/alerts';
        if (isIt && this.status === 200) this.told.push(JSON.parse(body) as Fake['told'][number]);
        response.writeHead(isIt ? this.status : 404).end();
      });
    });
    onTestFinished(() => {
      this.#server.closeAllConnections();
      this.#server.close();
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/am`;
  }
}

const STARTED = '2026-01-01T00:00:00.000Z';
const firing = (id: string, more: Partial<StoredAlert> = {}): StoredAlert => ({
  ...{ id, slo: `shop/${id}`, service: 'payments', policy: 'burn', severity: 'page' },
  ...{ state: 'firing', startedAt: STARTED, summary: 'payments fail' },
  objective: { displayName: 'Payments answer', target: 0.99 },
  ...{ targets: ['alertmanager'], whenResolved: true, ...more },
});

let clock: FakeClock;
let peers: Fake[];
let alerts: StoredAlert[];
let managers: Alertmanagers;

beforeEach(async () => {
  clock = new FakeClock(Date.parse(STARTED));
  peers = [new Fake(), new Fake()];
  alerts = [];
  managers = new Alertmanagers({
    ...{ mesh: 'demo', alerts: () => alerts, clock },
    urls: await Promise.all(peers.map((peer) => peer.start())),
    log: createLog({ service: 'alerting', level: 'silent' }),
    metrics: createMetrics(new Registry(), () => ({ firing: 0, outbox: 0 })),
  });
  onTestFinished(() => managers.stop());
});

const told = (count: number, peer = 0): Promise<true> =>
  eventually(() => peers[peer]?.told.length === count || undefined, {
    ...{ what: `told ${count} times`, timeoutMs: 5_000, everyMs: 5 },
  });

/** However often it is evaluated: every peer is told so many times. */
async function tells(count: number): Promise<void> {
  for (const [at] of peers.entries()) {
    await eventually(
      () => {
        managers.tell();
        return (peers[at]?.told.length ?? 0) >= count || undefined;
      },
      { what: `told ${count} times`, timeoutMs: 5_000, everyMs: 5 },
    );
    await told(count, at);
  }
}

test('every peer is told what fires, again each minute, and when it is over', async () => {
  alerts = [firing('a'), firing('b', { targets: ['oncall'] })];
  await tells(1);
  expect(peers[0]?.told).toEqual(peers[1]?.told);
  expect(peers[0]?.told[0]).toEqual([
    {
      labels: {
        ...{ alertname: 'WindroseSLO', mesh: 'demo', slo: 'shop/a', service: 'payments' },
        ...{ policy: 'burn', severity: 'page' },
      },
      annotations: { summary: 'payments fail', objective: 'Payments answer', target: '0.99' },
      startsAt: STARTED,
      endsAt: '2026-01-01T00:04:00.000Z',
    },
  ]);
  clock.advance(RESEND_MS / 2);
  managers.tell();
  clock.advance(RESEND_MS / 2);
  await tells(2);
  expect(peers[0]?.told[1]).toMatchObject([{ endsAt: '2026-01-01T00:05:00.000Z' }]);
  const resolvedAt = '2026-01-01T00:01:30.000Z';
  clock.advance(RESEND_MS / 2);
  alerts = [firing('a', { state: 'resolved', resolvedAt })];
  await tells(3);
  expect(peers[0]?.told[2]).toMatchObject([{ endsAt: resolvedAt }]);
  clock.advance(RESOLVED_SAID_MS);
  managers.tell();
  alerts = [firing('c')];
  await tells(4);
});

test('a peer that was away knows all with the next evaluation', async () => {
  const [first, second] = peers;
  if (first === undefined || second === undefined) throw new Error('two peers');
  second.status = 503;
  alerts = [firing('a')];
  managers.tell();
  await told(1);
  clock.advance(10_000);
  alerts = [firing('a'), firing('b')];
  await eventually(
    () => {
      managers.tell();
      return first.told.length === 2 || undefined;
    },
    { what: 'the first is told', timeoutMs: 5_000, everyMs: 5 },
  );
  second.status = 200;
  await eventually(
    () => {
      managers.tell();
      return second.told.length === 1 || undefined;
    },
    { what: 'the second is told', timeoutMs: 5_000, everyMs: 5 },
  );
  expect(second.told[0]).toHaveLength(2);
  expect(first.told).toHaveLength(2);
});

test('nothing is told where nothing ever fired', async () => {
  managers.tell();
  clock.advance(10 * RESEND_MS);
  managers.tell();
  alerts = [firing('a')];
  await tells(1);
  expect(peers[0]?.told).toHaveLength(1);
});

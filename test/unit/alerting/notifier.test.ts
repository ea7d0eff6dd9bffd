import { createHmac } from 'node:crypto';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import { FakeClock } from '#platform/clock.ts';
import { createLog } from '#platform/log.ts';
import { eventually } from '#test/eventually.ts';
import { tempDir } from '#test/parts.ts';
import { afterEach, describe, expect, test } from 'vitest';
import { createMetrics } from '../../../services/alerting/metrics.ts';
import { BACKOFF_MIN_MS, Notifier } from '../../../services/alerting/notifier.ts';
import { StateFile } from '../../../services/alerting/state-file.ts';
import { type StoredAlert, applyTransition } from '../../../services/alerting/state.ts';
import { notificationOf } from '../../../services/alerting/view.ts';

const log = createLog({ service: 'alerting', level: 'silent' });

/** A webhook that answers as told and notes what it was asked. */
class Webhook {
  status = 200;
  readonly asked: string[] = [];
  readonly bodies: string[] = [];
  readonly signatures: unknown[] = [];
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      request.on('end', () => {
        this.bodies.push(body);
        this.signatures.push(request.headers['x-windrose-signature']);
        this.asked.push(String(request.headers['idempotency-key']));
        response.writeHead(this.statusFor(this.asked.at(-1) ?? '')).end();
      });
    });
  }

  statusFor: (id: string) => number = () => this.status;

  async start(): Promise<string> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

const stops: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function setUp(folder = tempDir(), secret?: Buffer) {
  const clock = new FakeClock();
  const webhook = new Webhook();
  const webhooks = new Map([['oncall', { url: await webhook.start(), secret }]]);
  const file = await StateFile.open(folder, 'demo');
  const metrics = createMetrics(new Registry(), () => ({ firing: 0, outbox: 0 }));
  // A random of 1 takes the whole of a back-off.
  const notifier = new Notifier({ webhooks, file, clock, random: () => 1, log, metrics });
  stops.push(
    () => webhook.stop(),
    () => notifier.stop(),
  );
  const put = async (id: string, state: 'firing' | 'resolved' = 'firing') => {
    const alert: StoredAlert = {
      id,
      slo: 'shop/payments',
      service: 'payments',
      policy: 'burn',
      severity: 'page',
      state,
      startedAt: '2026-01-01T12:00:00.000Z',
      summary: 'payments fail',
      objective: { displayName: 'Payments answer', target: 0.99 },
      targets: ['oncall'],
      whenResolved: true,
    };
    const notification = notificationOf('demo', alert, []);
    await file.update((draft) => applyTransition(draft, { alert, notification }));
    notifier.wake();
  };
  const outbox = () => file.current.outbox.map((each) => each.notification.notificationId);
  const asked = (count: number) =>
    eventually(() => (webhook.asked.length >= count ? true : undefined), {
      what: `${count} requests`,
      timeoutMs: 5_000,
      everyMs: 5,
    });
  const emptied = () =>
    eventually(() => (outbox().length === 0 ? true : undefined), {
      what: 'an empty outbox',
      timeoutMs: 5_000,
      everyMs: 5,
    });
  /** Lets the failed attempt end, then lets the back-off pass. */
  const retryAfter = async (delayMs: number, count: number) => {
    await eventually(
      () => {
        clock.advance(delayMs);
        return webhook.asked.length >= count ? true : undefined;
      },
      { what: `request ${count}`, timeoutMs: 5_000, everyMs: 5 },
    );
  };
  return { asked, clock, emptied, file, notifier, outbox, put, retryAfter, webhook };
}

describe('a notification', () => {
  test('is signed with the secret of its target, time and all', async () => {
    const secret = Buffer.from('a secret of the receiver');
    const { emptied, put, webhook } = await setUp(undefined, secret);
    await put('a');
    await emptied();
    // 2026-01-01T00:00:00Z, as the clock says.
    const body = webhook.bodies[0] ?? '';
    const made = createHmac('sha256', secret).update(`1767225600.${body}`).digest('hex');
    expect(webhook.signatures).toEqual([`t=1767225600,v1=${made}`]);
    expect(JSON.parse(body)).toMatchObject({ notificationId: 'a-firing' });
  });

  test('is not signed without one', async () => {
    const { emptied, put, webhook } = await setUp();
    await put('a');
    await emptied();
    expect(webhook.signatures).toEqual([undefined]);
  });

  test('is sent once and forgotten when its webhook acknowledges it', async () => {
    const { emptied, put, webhook } = await setUp();
    await put('a');
    await put('b');
    await emptied();
    expect(webhook.asked).toEqual(['a-firing', 'b-firing']);
  });

  test('is tried again after a failure, under the same id', async () => {
    const { asked, emptied, put, outbox, retryAfter, webhook } = await setUp();
    webhook.status = 503;
    await put('a');
    await asked(1);
    await retryAfter(BACKOFF_MIN_MS, 2);
    expect(outbox()).toEqual(['a-firing']);
    webhook.status = 204;
    await retryAfter(2 * BACKOFF_MIN_MS, 3);
    await emptied();
    expect(webhook.asked).toEqual(['a-firing', 'a-firing', 'a-firing']);
  });

  test('that is refused for ever holds up no other', async () => {
    const { emptied, put, retryAfter, outbox, webhook, asked, file } = await setUp();
    webhook.statusFor = (id) => (id === 'a-firing' ? 400 : 200);
    await put('a');
    await asked(1);
    await put('b');
    await retryAfter(BACKOFF_MIN_MS, 2);
    await eventually(() => (outbox().includes('b-firing') ? undefined : true), {
      what: 'the second one gone',
      timeoutMs: 5_000,
    });
    await asked(3);
    expect(webhook.asked).toEqual(['a-firing', 'b-firing', 'a-firing']);
    expect(outbox()).toEqual(['a-firing']);
    expect(file.current.alerts).toHaveLength(2);
    webhook.statusFor = () => 200;
    await retryAfter(60_000, 4);
    await emptied();
  });

  test('that was superseded while its webhook was away is never sent', async () => {
    const { asked, emptied, put, retryAfter, webhook } = await setUp();
    webhook.status = 500;
    await put('a');
    await asked(1);
    await put('a', 'resolved');
    webhook.status = 200;
    await retryAfter(BACKOFF_MIN_MS, 2);
    await emptied();
    expect(webhook.asked).toEqual(['a-firing', 'a-resolved']);
  });

  test('waits on disk for the next start', async () => {
    const folder = tempDir();
    const first = await setUp(folder);
    first.webhook.status = 500;
    await first.put('a');
    await first.asked(1);
    await first.notifier.stop();
    const second = await setUp(folder);
    second.notifier.wake();
    await second.emptied();
    expect(second.webhook.asked).toEqual(['a-firing']);
  });
});

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AlertNotification } from '#contracts/api/alerting.ts';
import { TRY } from '#demo/resources.ts';
import { type Receiver, startReceiver } from '#test/receiver.ts';
import { type TestShop, startTestShop } from '#test/shop.ts';

const FIRING_WITHIN_MS = 60_000;
const RESOLVED_WITHIN_MS = 90_000;

let test: TestShop;
let webhook: Receiver<AlertNotification>;
beforeAll(async () => {
  webhook = await startReceiver<AlertNotification>();
  test = await startTestShop({ webhooks: { oncall: webhook.url }, requestsPerSecond: 40 });
}, 120_000);
afterAll(async () => {
  await test?.stop();
  await webhook?.stop();
});

describe('a breach', () => {
  it(
    'reaches the webhook within a minute; the rollback ends it',
    { timeout: 240_000 },
    async () => {
      const fault = await test.windrose('apply', '-f', join(TRY, 'fault.yaml'), '--wait');
      expect(fault.status, fault.stdout + fault.stderr).toBe(0);
      const firing = await webhook.waitFor(
        (body) => body.alert.slo === 'shop/payments' && body.alert.state === 'firing',
        FIRING_WITHIN_MS,
      );
      expect(firing).toMatchObject({
        mesh: test.mesh,
        alert: { service: 'payments', slo: 'shop/payments', severity: 'page' },
        objective: { target: 0.99 },
      });
      expect(firing.alert.summary).toContain('payments');
      for (const burn of firing.burnRates) expect(burn.rate).toBeGreaterThanOrEqual(burn.threshold);
      const slo = await test.windrose('slo');
      expect(slo.stdout).toMatch(/payments[^\n]*firing/i);
      // The fault is put in by the callers' proxies: that of payments never sees such a call.
      const health = await test.windrose('health');
      expect(health.status, health.stderr).toBe(0);
      expect(health.stdout).toMatch(/^shop\/payments +failing .* did not see [0-9.]+ % of/m);
      expect(health.stdout).toMatch(/^shop\/orders → shop\/payments +failing /m);

      const rollback = await test.windrose('rollback', '--wait');
      expect(rollback.status, rollback.stdout + rollback.stderr).toBe(0);
      const resolved = await webhook.waitFor(
        (body) => body.alert.id === firing.alert.id && body.alert.state === 'resolved',
        RESOLVED_WITHIN_MS,
      );
      expect(resolved.notificationId).not.toBe(firing.notificationId);
      const payments = webhook.received.filter((body) => body.alert.slo === 'shop/payments');
      expect(payments.map((body) => body.alert.state)).toEqual(['firing', 'resolved']);
    },
  );
});

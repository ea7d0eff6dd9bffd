import { test } from 'vitest';
import { assertAgreement } from './run.ts';

test('50 000 streams of requests are to llhttp what they are to ours', { timeout: 60_000 }, () => {
  assertAgreement('request', 1, 50_000);
});

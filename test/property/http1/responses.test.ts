import { test } from 'vitest';
import { assertAgreement } from './run.ts';

test('50 000 streams of responses are to llhttp what they are to ours', { timeout: 60_000 }, () => {
  assertAgreement('response', 1, 50_000);
});

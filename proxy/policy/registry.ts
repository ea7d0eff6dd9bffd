import { apiKeyGate } from './api-key/gate.ts';
import type { Gate, GateOptions } from './gate.ts';
import { rateLimitGate } from './rate-limit/gate.ts';

/** Every policy that may answer instead of the upstream, in the order in which they act. */
export const GATES: readonly ((options: GateOptions) => Gate)[] = [
  apiKeyGate, // AuthenticationPolicy: who calls
  rateLimitGate, // RateLimitPolicy: how often
];

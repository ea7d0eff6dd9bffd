import { randomUUID } from 'node:crypto';
import { type Answer, type Call, NOT_FOUND, runApp } from './server.ts';

/** Charges every order. What goes wrong here in the demo is a FaultPolicy. */
export function payments(call: Call): Answer {
  if (call.method !== 'POST' || call.path.join('/') !== 'charge') return NOT_FOUND;
  return { status: 200, body: { charged: true, receipt: randomUUID() } };
}

if (import.meta.main) await runApp(payments);

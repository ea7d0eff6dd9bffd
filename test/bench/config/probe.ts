// Loaded into a measured process before its program: what it used, and how long its event loop
// stood still, from one question of the bench to the next.
import { monitorEventLoopDelay } from 'node:perf_hooks';

export interface Probed {
  /** User and system time, µs. */
  cpuUs: number;
  /** The longest time in which no timer ran, beyond the millisecond between two of them. */
  stallMs: number;
}

const RESOLUTION_MS = 1;

const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delay.enable();
let before = process.cpuUsage();
process.on('message', () => {
  const { user, system } = process.cpuUsage(before);
  const stallMs = Math.max(0, delay.max / 1e6 - RESOLUTION_MS);
  before = process.cpuUsage();
  delay.reset();
  process.send?.({ cpuUs: user + system, stallMs } satisfies Probed);
});
process.channel?.unref();

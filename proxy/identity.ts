import type { ProxyRole } from '#contracts/events.ts';

/** Who this proxy is, in every heartbeat, receipt, row and span. */
export interface Identity {
  mesh: string;
  proxy: string;
  /** Random for each start. */
  instance: string;
  role: ProxyRole;
  /** `namespace/name` of the workload behind a sidecar; empty for a gateway. */
  workload: string;
  zone: string;
  labels: Record<string, string>;
}

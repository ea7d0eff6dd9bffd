import type { Revision } from '#contracts/revision.ts';
import type { LinkState } from '../run.ts';
import type { WorkerReport } from '../fleet.ts';

export interface OwnState {
  revision: Revision | undefined;
  /** Undefined standalone: there is nothing to be connected to. */
  link: LinkState | undefined;
  problems: number;
  draining: boolean;
  startedAtMs: number;
}

/** Prometheus text of what is the proxy's own: its place in the log, its link, its workers. */
export function ownMetrics(state: OwnState, reports: readonly WorkerReport[]): string {
  const lines: string[] = [];
  const gauge = (name: string, help: string, values: readonly [string, number][]): void => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} gauge`);
    for (const [labels, value] of values) lines.push(`${name}${labels} ${value}`);
  };
  const one = (value: number): [string, number][] => [['', value]];
  const perWorker = (read: (report: WorkerReport) => number): [string, number][] =>
    reports.map((report) => [`{worker="${report.worker}"}`, read(report)]);
  gauge('windrose_proxy_start_time_seconds', 'when it started', one(state.startedAtMs / 1_000));
  gauge('windrose_proxy_revision', 'sequence served', one(state.revision?.sequence ?? 0));
  gauge('windrose_proxy_log_epoch', 'epoch of the log', one(state.revision?.epoch ?? 0));
  gauge('windrose_proxy_problems', 'what could not be applied', one(state.problems));
  gauge('windrose_proxy_draining', '1 while it shuts down', one(state.draining ? 1 : 0));
  if (state.link !== undefined) {
    const { connected, behind, alarms, refused } = state.link;
    gauge('windrose_proxy_connected', '1 while the log is followed', one(connected ? 1 : 0));
    gauge('windrose_proxy_behind', 'revisions not served yet', one(behind));
    gauge('windrose_proxy_alarms', 'what is wrong with the log; see /snapshot', one(alarms.length));
    gauge(
      'windrose_proxy_refused',
      'messages and snapshots that were not believed, since start',
      refused.map(([what, count]) => [`{what="${what}"}`, count]),
    );
  }
  gauge(
    'windrose_proxy_connections',
    'open client connections',
    perWorker((report) => report.connections),
  );
  gauge(
    'windrose_proxy_requests_in_flight',
    'requests not over yet',
    perWorker((report) => report.inFlight),
  );
  gauge(
    'windrose_proxy_connections_turned_away',
    'since start, for want of room',
    perWorker((report) => report.turnedAway),
  );
  overloadMetrics(gauge, perWorker);
  eventLoopMetrics(gauge, perWorker);
  gauge(
    'windrose_proxy_tls_handshakes_failed',
    'connections that asked for TLS in vain, since start',
    perWorker((report) => report.handshakesFailed),
  );
  gauge(
    'windrose_proxy_mirror_copies_lost',
    'copies of requests that did not get to their mirror, since start',
    perWorker((report) => report.copiesLost),
  );
  const certificates = new Map(reports.flatMap((report) => report.certificates));
  if (certificates.size > 0) {
    gauge(
      'windrose_proxy_certificate_not_after_seconds',
      'when a certificate that is served ends',
      [...certificates].map(([name, ms]) => [`{certificate="${name}"}`, ms / 1_000]),
    );
  }
  return `${lines.join('\n')}\n`;
}

type AddGauge = (name: string, help: string, values: readonly [string, number][]) => void;
type PerWorker = (read: (report: WorkerReport) => number) => [string, number][];

function eventLoopMetrics(gauge: AddGauge, perWorker: PerWorker): void {
  gauge(
    'windrose_proxy_event_loop_active_seconds',
    'in which a worker had work, since start',
    perWorker(({ overload }) => overload.eventLoop.activeSeconds),
  );
  gauge(
    'windrose_proxy_event_loop_delay_seconds',
    'how late a timer was at most in the last 15 to 30 s',
    perWorker(({ overload }) => overload.eventLoop.delaySeconds),
  );
}

function overloadMetrics(gauge: AddGauge, perWorker: PerWorker): void {
  gauge(
    'windrose_proxy_overload_level',
    '1 connections end with their answer, 2 new requests get 503, 3 none is accepted',
    perWorker(({ overload }) => overload.level),
  );
  gauge(
    'windrose_proxy_memory_share',
    'of the heap limit in use, buffers and what is not collected yet included',
    perWorker(({ overload }) => Math.round(overload.memoryShare * 1_000) / 1_000),
  );
  gauge(
    'windrose_proxy_accepting',
    '0 while no connection is accepted for want of memory or descriptors',
    perWorker(({ overload }) => (overload.accepting ? 1 : 0)),
  );
  gauge(
    'windrose_proxy_accept_pauses',
    'since start',
    perWorker(({ overload }) => overload.pauses),
  );
}

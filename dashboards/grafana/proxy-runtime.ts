/** Board *Proxy runtime*: each proxy as a process, from what it exports on its admin port. */
import type { Board, Panel, TimeSeries } from './model.ts';

const PICKED = '{instance=~"$instance"}';
const WORKER = '{{instance}} {{worker}}';
const rate = (series: string): string => `rate(${series}${PICKED}[$__rate_interval])`;

function lines(
  title: string,
  description: string,
  unit: TimeSeries['unit'],
  promql: string,
  legend = WORKER,
): TimeSeries {
  return {
    ...{ kind: 'timeseries', title, description, unit, width: 8, height: 8 },
    queries: [{ promql, legend }],
  };
}

function now(
  title: string,
  description: string,
  promql: string,
  thresholds?: { amber: number; red: number },
): Panel {
  return {
    ...{ kind: 'stat', title, description, unit: 'none', width: 6, height: 4 },
    ...(thresholds && { thresholds }),
    queries: [{ promql }],
  };
}

export const PROXY_RUNTIME: Board = {
  uid: 'windrose-proxy-runtime',
  title: 'Proxy runtime',
  description: 'Event loops, memory, connections, configuration and telemetry of each proxy.',
  variables: [
    {
      kind: 'labels',
      name: 'instance',
      label: 'Proxy',
      description: 'Addresses of admin ports, as Prometheus scrapes them',
      series: 'windrose_proxy_start_time_seconds',
      of: 'instance',
    },
  ],
  rows: [
    {
      title: 'Now',
      panels: [
        now(
          'Proxies',
          'That Prometheus scrapes, whichever are chosen.',
          'count(windrose_proxy_start_time_seconds)',
        ),
        now(
          'Do not follow the log',
          'They serve the last revision that they have.',
          'count(windrose_proxy_connected == 0) or vector(0)',
          { amber: 1, red: 2 },
        ),
        now(
          'Revisions served',
          'More than one for long: a change has reached a part of the proxies only.',
          'count(count_values("revision", windrose_proxy_revision))',
          { amber: 2, red: 3 },
        ),
        now(
          'Turn requests away',
          'Workers that have no memory or descriptors to spare.',
          'count(windrose_proxy_overload_level >= 2) or vector(0)',
          { amber: 1, red: 1 },
        ),
      ],
    },
    {
      title: 'Load of each worker',
      panels: [
        lines(
          'Event loop in use',
          'Share of the time in which a worker had work: at 100 % requests wait for one another.',
          'percentunit',
          rate('windrose_proxy_event_loop_active_seconds'),
        ),
        lines(
          'Event loop delay',
          'How late a timer was at most in the last 15 to 30 s: so long nobody was answered.',
          's',
          `windrose_proxy_event_loop_delay_seconds${PICKED}`,
        ),
        lines(
          'Memory',
          'Share of the heap limit, buffers and what is not collected yet included.',
          'percentunit',
          `windrose_proxy_memory_share${PICKED}`,
        ),
        lines(
          'Overload level',
          '1: connections end with their answer, 2: new requests get 503, 3: none is accepted.',
          'none',
          `windrose_proxy_overload_level${PICKED}`,
        ),
        lines(
          'Requests in flight',
          'Begun and not over yet, streams included.',
          'short',
          `windrose_proxy_requests_in_flight${PICKED}`,
        ),
        lines(
          'Telemetry that waits for Kafka',
          'Closed blocks in memory; at 64 MiB a worker drops the oldest.',
          'bytes',
          `windrose_telemetry_queue_bytes${PICKED}`,
        ),
      ],
    },
    {
      title: 'Connections',
      panels: [
        lines(
          'Open connections',
          'Of clients, by worker.',
          'short',
          `windrose_proxy_connections${PICKED}`,
        ),
        lines(
          'Turned away',
          'Connections per second that found no room: the listener’s or the address’s limit.',
          'cps',
          rate('windrose_proxy_connections_turned_away'),
        ),
        lines(
          'Failed TLS handshakes',
          'Connections per second that asked for TLS in vain.',
          'cps',
          rate('windrose_proxy_tls_handshakes_failed'),
        ),
        lines(
          'Not accepting',
          '1 while a worker accepts nothing for want of memory or descriptors.',
          'none',
          `1 - windrose_proxy_accepting${PICKED}`,
        ),
        lines(
          'Lost copies for mirrors',
          'Per second, of requests that did not get to their mirror.',
          'cps',
          rate('windrose_proxy_mirror_copies_lost'),
        ),
        lines(
          'Certificates end in',
          'Seconds until the first certificate that a proxy serves ends.',
          's',
          `min by (instance) (windrose_proxy_certificate_not_after_seconds${PICKED}) - time()`,
          '{{instance}}',
        ),
      ],
    },
    {
      title: 'Configuration and life',
      panels: [
        lines(
          'Revisions behind the newest',
          'Of the newest that any proxy serves: how far each is from it.',
          'none',
          `scalar(max(windrose_proxy_revision)) - windrose_proxy_revision${PICKED}`,
          '{{instance}}',
        ),
        lines(
          'Revisions heard of and not served',
          'What a proxy knows of the log and has not applied.',
          'none',
          `windrose_proxy_behind${PICKED}`,
          '{{instance}}',
        ),
        lines(
          'Problems',
          'Parts of the configuration that a proxy could not apply; its /snapshot names them.',
          'none',
          `windrose_proxy_problems${PICKED}`,
          '{{instance}}',
        ),
        lines(
          'Restarts',
          'Of each proxy in the last hour, at any time of the range.',
          'none',
          `changes(windrose_proxy_start_time_seconds${PICKED}[1h])`,
          '{{instance}}',
        ),
        lines(
          'Up for',
          'Since the start of each proxy.',
          's',
          `time() - windrose_proxy_start_time_seconds${PICKED}`,
          '{{instance}}',
        ),
        lines(
          'Rows of telemetry dropped',
          'Per second, by stream: they are missing from every number.',
          'cps',
          'sum by (instance, stream) (rate(windrose_telemetry_rows_total' +
            '{state="dropped",instance=~"$instance"}[$__rate_interval]))',
          '{{instance}} {{stream}}',
        ),
      ],
    },
  ],
};

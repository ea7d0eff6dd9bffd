import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** The service's own numbers on /metrics. Gauges are read when somebody asks. */
export interface ConfigMetrics {
  changeSets: Counter<'result'>;
  publishSeconds: Histogram;
  eventsRefused: Counter<'why'>;
  heartbeatsRefused: Counter<'why'>;
  announcementsRefused: Counter;
  endpointsRefused: Counter;
  endpointsHeld: Gauge;
  endpointsDamped: Gauge;
}

export interface GaugeSource {
  revision: () => number;
  resources: () => number;
  proxies: () => Map<string, number>;
  endpoints: () => number;
  writesEndpoints: () => boolean;
  ready: () => boolean;
}

export function createMetrics(registry: Registry, source: GaugeSource): ConfigMetrics {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  gauge('windrose_config_ready', '1 when the service can do its work', () =>
    source.ready() ? 1 : 0,
  );
  gauge('windrose_config_revision', 'sequence of the newest revision', source.revision);
  gauge('windrose_config_resources', 'resources at the newest revision', source.resources);
  gauge('windrose_config_endpoints', 'announced endpoints', source.endpoints);
  gauge('windrose_config_registry_writer', '1 on the config service that writes endpoints', () =>
    source.writesEndpoints() ? 1 : 0,
  );
  new Gauge({
    name: 'windrose_config_proxies',
    help: 'proxies by state',
    labelNames: ['state'],
    registers,
    collect() {
      this.reset();
      for (const [state, count] of source.proxies()) this.set({ state }, count);
    },
  });
  return {
    changeSets: new Counter({
      name: 'windrose_config_changesets_total',
      help: 'change-sets by how they ended: created, unchanged, or the code of the problem',
      labelNames: ['result'],
      registers,
    }),
    publishSeconds: new Histogram({
      name: 'windrose_config_publish_seconds',
      help: 'from publishing a change-set to its acknowledgement',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
      registers,
    }),
    eventsRefused: new Counter({
      name: 'windrose_config_events_refused_total',
      help: 'messages of the config log that were passed over, by why',
      labelNames: ['why'],
      registers,
    }),
    ...registryMetrics(registers),
  };
}

function registryMetrics(
  registers: Registry[],
): Pick<
  ConfigMetrics,
  | 'heartbeatsRefused'
  | 'announcementsRefused'
  | 'endpointsRefused'
  | 'endpointsHeld'
  | 'endpointsDamped'
> {
  return {
    heartbeatsRefused: new Counter({
      name: 'windrose_config_heartbeats_refused_total',
      help: 'heartbeats that do not count, by why',
      labelNames: ['why'],
      registers,
    }),
    announcementsRefused: new Counter({
      name: 'windrose_config_announcements_refused_total',
      help: 'announced endpoints that were not taken',
      registers,
    }),
    endpointsRefused: new Counter({
      name: 'windrose_config_endpoints_refused_total',
      help: 'published sets of endpoints that are not believed and are written over',
      registers,
    }),
    endpointsHeld: new Gauge({
      name: 'windrose_config_endpoints_held',
      help: 'endpoints of silent proxies that the bound on expiry keeps',
      registers,
    }),
    endpointsDamped: new Gauge({
      name: 'windrose_config_endpoints_damped',
      help: 'announced endpoints that are held out because they come and go',
      registers,
    }),
  };
}

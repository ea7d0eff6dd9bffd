import type { NatsConnection } from 'nats';
import { serviceInbox } from '#contracts/subjects.ts';
import { meshDatabase } from '#contracts/tables.ts';
import type { TokenFile } from '#platform/access/token-file.ts';
import { connectClickHouse } from '#platform/clickhouse.ts';
import type { Clock, Random, Timer } from '#platform/clock.ts';
import { createApi, listen } from '#platform/http.ts';
import { sentenceOf } from '#platform/log.ts';
import { connectNats } from '#platform/nats.ts';
import type { Trust } from '#platform/signing.ts';
import type { ServiceLog } from '#platform/service-log.ts';
import { Alertmanagers } from './alertmanager.ts';
import { DESCRIPTION, addRoutes } from './api.ts';
import { Evaluator } from './evaluator.ts';
import { readKept } from './kept.ts';
import { createMetrics } from './metrics.ts';
import { Notifier } from './notifier.ts';
import { exportObjectives } from './objective-metrics.ts';
import { Objectives } from './objectives.ts';
import { readCounts } from './counts.ts';
import { type Query, readProgress } from './rollup.ts';
import { ALERTMANAGER, type StoredAlert } from './state.ts';
import { StateFile } from './state-file.ts';
import { watermarkOf } from './watermark.ts';
import type { Webhook } from './webhook.ts';

export interface AlertingOptions {
  mesh: string;
  natsUrl: string;
  natsCredsFile?: string | undefined;
  natsCaFile?: string | undefined;
  clickhouseUrl: string;
  /** `host:port`. */
  listen: string;
  insecureListen?: boolean;
  /** Whose configuration is believed; undefined: the mesh is unsigned. */
  trust?: Trust | undefined;
  tokens?: TokenFile | undefined;
  /** By name. */
  webhooks: ReadonlyMap<string, Webhook>;
  /** Base URLs of all Alertmanagers of one cluster. */
  alertmanagers?: readonly string[];
  intervalMs: number;
  dataDir: string;
  clock: Clock;
  random: Random;
  log: ServiceLog;
}

/** A query that takes longer is given up: the next evaluation asks again. */
const QUERY_TIMEOUT_MS = 8_000;

/** Serves at once and gets to work as its parts come up; rejects only for a wrong bootstrap. */
export async function startAlerting(
  options: AlertingOptions,
): Promise<{ url: string; stop: () => Promise<void> }> {
  const { clock, log, mesh, random, tokens, webhooks } = options;
  const file = await StateFile.open(options.dataDir, mesh);
  const { alertmanagers: urls = [] } = options;
  const names = new Set([...webhooks.keys(), ...(urls.length > 0 ? [ALERTMANAGER] : [])]);
  const objectives = new Objectives({ mesh, clock, log, trust: options.trust, webhooks: names });
  const notReady = (): string | undefined => objectives.problem ?? evaluator.problem;
  const described = { name: 'alerting', description: DESCRIPTION };
  const api = await createApi({ ...described, log, notReady, tokens });
  const metrics = createMetrics(api.registry, () => ({
    firing: file.current.alerts.filter(({ state }) => state === 'firing').length,
    outbox: file.current.outbox.length,
  }));
  const notifier = new Notifier({ webhooks, file, clock, random, log, metrics });
  const alerts = (): readonly StoredAlert[] => file.current.alerts;
  const alertmanagers = new Alertmanagers({ mesh, urls, alerts, clock, log, metrics });
  const clickhouse = connectClickHouse({
    url: options.clickhouseUrl,
    database: meshDatabase(mesh),
    requestTimeoutMs: QUERY_TIMEOUT_MS,
  });
  const query: Query = (sql, parameters) => clickhouse.query(sql, parameters);
  const evaluator = new Evaluator({
    mesh,
    progress: () => readProgress(query),
    kept: () => readKept(query),
    counts: (requests, untilMs) => readCounts(query, requests, untilMs),
    file,
    webhooks: names,
    clock,
    log,
    metrics,
    queued: () => notifier.wake(),
  });
  const completeUntil = async (): Promise<number | undefined> =>
    watermarkOf(await readProgress(query), clock.wallMs());
  const known = (): typeof objectives.all => objectives.all;
  exportObjectives(api.registry, () => evaluator.statuses);
  addRoutes(api.app, { evaluator, file, notReady, query, completeUntil, objectives: known });
  const { url } = await listen(api.app, options.listen, {
    insecure: options.insecureListen ?? false,
    tokens,
  });
  notifier.wake();
  const link = followWhenReached(options, objectives);
  const rounds = startRounds(options, async () => {
    if (objectives.all === undefined) metrics.evaluations.inc({ result: 'no_config' });
    else await evaluator.evaluate(objectives.all);
    alertmanagers.tell();
  });
  return {
    url,
    stop: async () => {
      await rounds.stop();
      await Promise.all([notifier.stop(), alertmanagers.stop(), api.app.close()]);
      objectives.stop();
      await link.stop();
      await clickhouse.close();
    },
  };
}

/** Connects to NATS however long that takes, then follows the config log. */
function followWhenReached(
  options: AlertingOptions,
  objectives: Objectives,
): { stop: () => Promise<void> } {
  const stopping = new AbortController();
  const { log, natsCaFile, natsCredsFile, natsUrl } = options;
  const connected: Promise<NatsConnection | undefined> = connectNats({
    url: natsUrl,
    name: 'windrose-alerting',
    credsFile: natsCredsFile,
    caFile: natsCaFile,
    inbox: serviceInbox('alerting'),
    log,
    signal: stopping.signal,
  }).then(
    (connection) => {
      if (!stopping.signal.aborted) objectives.follow(connection);
      return connection;
    },
    (error: unknown) => {
      if (!stopping.signal.aborted) log.error({ error: sentenceOf(error) }, 'NATS was given up');
      return undefined;
    },
  );
  return {
    stop: async () => {
      stopping.abort(new Error('stopping'));
      await (await connected)?.close();
    },
  };
}

/** Rounds follow each other `intervalMs` from start to start, and never overlap. */
function startRounds(
  options: AlertingOptions,
  round: () => Promise<void>,
): { stop: () => Promise<void> } {
  const { clock, intervalMs } = options;
  let stopped = false;
  let timer: Timer | undefined;
  let running: Promise<void> = Promise.resolve();
  const run = (): void => {
    const startedMs = clock.nowMs();
    running = round().finally(() => {
      if (stopped) return;
      timer = clock.after(Math.max(0, startedMs + intervalMs - clock.nowMs()), run);
    });
  };
  run();
  return {
    stop: async () => {
      stopped = true;
      timer?.cancel();
      await running;
    },
  };
}

import path from 'node:path';
import { parseDurationMs } from '#contracts/duration.ts';
import { LABEL } from '#contracts/names.ts';
import { BootstrapError, bootstrapHelp, readBootstrap } from '#platform/bootstrap.ts';
import { systemClock } from '#platform/clock.ts';
import { createLog } from '#platform/log.ts';
import { startTracing } from '#platform/otel.ts';
import { runMain } from '#platform/process.ts';
import { startAlerting } from './alerting.ts';

const PROGRAM = 'windrose-alerting';
const INTERVAL_MIN_MS = 1_000;

const FIELDS = {
  mesh: { type: 'string', env: 'WINDROSE_MESH', default: 'demo', description: 'name of the mesh' },
  nats: {
    type: 'string',
    env: 'NATS_URL',
    default: 'nats://127.0.0.1:7422',
    description: 'NATS, several servers separated by commas',
  },
  natsCreds: { type: 'string', env: 'NATS_CREDS', description: 'a NATS .creds file' },
  clickhouse: {
    type: 'string',
    env: 'CLICKHOUSE_URL',
    default: 'http://127.0.0.1:7423',
    description: 'ClickHouse over HTTP, http(s)://[user:password@]host:port',
  },
  listen: {
    type: 'string',
    env: 'WINDROSE_ALERTING_LISTEN',
    default: '127.0.0.1:7420',
    description: 'address of the API',
  },
  insecureListen: {
    type: 'boolean',
    default: false,
    description: 'allow an address of the API that other machines reach',
  },
  webhook: {
    type: 'list',
    env: 'WINDROSE_WEBHOOKS',
    default: [],
    description: 'name=url of a notification target; repeatable',
  },
  interval: {
    type: 'string',
    env: 'WINDROSE_ALERTING_INTERVAL',
    default: '10s',
    description: 'time between two evaluations, such as 10s',
  },
  dataDir: {
    type: 'string',
    env: 'WINDROSE_DATA_DIR',
    required: true,
    description: 'folder for what must survive a restart: alerts and unsent notifications',
  },
  otlp: {
    type: 'string',
    env: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    description: 'OTLP/HTTP receiver of traces, such as http://127.0.0.1:4318',
  },
} as const;

runMain(PROGRAM, async () => {
  const argv = process.argv.slice(2);
  if (argv.includes('--help')) {
    process.stdout.write(`${bootstrapHelp(PROGRAM, FIELDS)}\n`);
    return undefined;
  }
  const bootstrap = readBootstrap({ program: PROGRAM, fields: FIELDS, argv, env: process.env });
  if (!new RegExp(LABEL).test(bootstrap.mesh)) {
    throw new BootstrapError(`--mesh ${bootstrap.mesh} is no name of a mesh (RFC 1123 label)`);
  }
  const webhooks = readWebhooks(bootstrap.webhook);
  const intervalMs = readInterval(bootstrap.interval);
  const log = createLog({ service: 'alerting', fields: { mesh: bootstrap.mesh } });
  const tracing = startTracing('alerting', bootstrap.otlp);
  const alerting = await startAlerting({
    mesh: bootstrap.mesh,
    natsUrl: bootstrap.nats,
    natsCredsFile: bootstrap.natsCreds,
    clickhouseUrl: bootstrap.clickhouse,
    listen: bootstrap.listen,
    insecureListen: bootstrap.insecureListen,
    webhooks,
    intervalMs,
    dataDir: path.resolve(bootstrap.dataDir),
    clock: systemClock,
    random: Math.random,
    log,
  });
  process.stdout.write(`ready ${alerting.url}\n`);
  return {
    stop: async () => {
      await alerting.stop();
      await tracing.stop();
    },
  };
});

function readWebhooks(entries: readonly string[]): Map<string, string> {
  const webhooks = new Map<string, string>();
  for (const entry of entries) {
    const [, name = '', url = ''] = /^([^=\s]+)=(.*)$/.exec(entry) ?? [];
    if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
      throw new BootstrapError(
        `--webhook ${entry} is not name=url, such as oncall=http://127.0.0.1:9000/hook`,
      );
    }
    if (webhooks.has(name)) throw new BootstrapError(`--webhook ${name} is given twice`);
    webhooks.set(name, url);
  }
  return webhooks;
}

function readInterval(text: string): number {
  const intervalMs = parseDurationMs(text);
  if (intervalMs >= INTERVAL_MIN_MS) return intervalMs;
  throw new BootstrapError(`--interval ${text} is no duration of at least 1s, such as 10s`);
}

import { LABEL } from '#contracts/names.ts';
import { BootstrapError, bootstrapHelp, readBootstrap } from '#platform/bootstrap.ts';
import { systemClock } from '#platform/clock.ts';
import { createLog, sentenceOf } from '#platform/log.ts';
import { startTracing } from '#platform/otel.ts';
import { runMain } from '#platform/process.ts';
import { startAnalytics } from './analytics.ts';

const PROGRAM = 'windrose-analytics';

const FIELDS = {
  mesh: { type: 'string', env: 'WINDROSE_MESH', default: 'demo', description: 'name of the mesh' },
  kafka: {
    type: 'list',
    env: 'KAFKA_BROKERS',
    default: ['127.0.0.1:7492'],
    description: 'Kafka brokers, host:port each, separated by commas',
  },
  clickhouse: {
    type: 'string',
    env: 'CLICKHOUSE_URL',
    default: 'http://127.0.0.1:7423',
    description: 'ClickHouse over HTTP, http(s)://[user:password@]host:port',
  },
  clickhouseReader: {
    type: 'string',
    env: 'WINDROSE_CLICKHOUSE_READER_URL',
    description: 'the same as a user that may only read; answers POST /v1/query',
  },
  listen: {
    type: 'string',
    env: 'WINDROSE_ANALYTICS_LISTEN',
    default: '127.0.0.1:7410',
    description: 'address of the API',
  },
  insecureListen: {
    type: 'boolean',
    default: false,
    description: 'allow an address of the API that other machines reach',
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
  for (const url of [bootstrap.clickhouse, bootstrap.clickhouseReader]) {
    if (url !== undefined && !/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
      throw new BootstrapError('--clickhouse is no URL; write http(s)://[user:password@]host:port');
    }
  }
  const log = createLog({ service: 'analytics', fields: { mesh: bootstrap.mesh } });
  const tracing = startTracing('analytics', bootstrap.otlp);
  const analytics = await startAnalytics({
    mesh: bootstrap.mesh,
    kafkaBrokers: bootstrap.kafka,
    clickhouseUrl: bootstrap.clickhouse,
    readerUrl: bootstrap.clickhouseReader,
    listen: bootstrap.listen,
    insecureListen: bootstrap.insecureListen,
    clock: systemClock,
    log,
  });
  analytics.ready.then(
    (ready) => ready && process.stdout.write(`ready ${analytics.url}\n`),
    (error: unknown) => {
      process.stderr.write(`${PROGRAM}: ${sentenceOf(error)}\n`);
      process.exit(1);
    },
  );
  return {
    stop: async () => {
      await analytics.stop();
      await tracing.stop();
    },
  };
});

import { tokenFile } from '#platform/access/token-file.ts';
import { BootstrapError } from '#platform/bootstrap.ts';
import { systemClock } from '#platform/clock.ts';
import { KAFKA_ACCESS_FIELDS, kafkaAccessOf, kafkaBrokersOf } from '#platform/kafka-fields.ts';
import { sentenceOf } from '#platform/log.ts';
import { CLICKHOUSE_FIELDS, SERVICE_FIELDS, checkHttpUrl, runService } from '#platform/service.ts';
import { startAnalytics } from './analytics.ts';
import { SQL_LIMITS, readSqlLimits } from './api/quota.ts';
import { MIGRATIONS } from './schema/migrations.ts';
import { schemaText } from './schema/print.ts';
import { readRetention } from './schema/retention.ts';

const FIELDS = {
  ...SERVICE_FIELDS,
  ...CLICKHOUSE_FIELDS,
  kafka: {
    type: 'list',
    env: 'KAFKA_BROKERS',
    default: ['127.0.0.1:7492'],
    description: 'Kafka brokers, host:port each, separated by commas',
  },
  ...KAFKA_ACCESS_FIELDS,
  clickhouseReader: {
    type: 'string',
    env: 'WINDROSE_CLICKHOUSE_READER_URL',
    description: 'the same as a user that may only read; answers POST /v1/query',
  },
  keep: {
    type: 'list',
    env: 'WINDROSE_ANALYTICS_KEEP',
    default: [],
    description: 'how long rows of a table are kept, such as records=30d,edges_1h=800d',
  },
  sqlPerMinute: {
    type: 'number',
    env: 'WINDROSE_SQL_PER_MINUTE',
    default: SQL_LIMITS.queriesPerMinute,
    description: 'statements that each caller of POST /v1/query may ask a minute; 0: any number',
  },
  sqlSecondsPerHour: {
    type: 'number',
    env: 'WINDROSE_SQL_SECONDS_PER_HOUR',
    default: SQL_LIMITS.secondsPerHour,
    description: 'seconds that ClickHouse works for each of them an hour; 0: any number',
  },
  cluster: {
    type: 'string',
    env: 'WINDROSE_CLICKHOUSE_CLUSTER',
    description: 'ClickHouse is this cluster; its tables are made by hand (--print-schema)',
  },
  printSchema: {
    type: 'boolean',
    default: false,
    description: 'print the tables as SQL, for one server or for --cluster, and end',
  },
  listen: {
    type: 'string',
    env: 'WINDROSE_ANALYTICS_LISTEN',
    default: '127.0.0.1:7410',
    description: 'address of the API',
  },
} as const;

runService('analytics', FIELDS, async (fields, log) => {
  const { clickhouse, clickhouseReader, cluster, mesh } = fields;
  const retention = told('--keep: ', () => readRetention(fields.keep));
  const sqlLimits = told('', () =>
    readSqlLimits({
      perMinute: fields.sqlPerMinute,
      secondsPerHour: fields.sqlSecondsPerHour,
    }),
  );
  if (fields.printSchema) {
    process.stdout.write(schemaText({ mesh, cluster, retention, migrations: MIGRATIONS }));
    return undefined;
  }
  checkHttpUrl('--clickhouse', clickhouse);
  if (clickhouseReader !== undefined) checkHttpUrl('--clickhouse-reader', clickhouseReader);
  return startAnalytics({
    mesh,
    kafkaBrokers: kafkaBrokersOf(fields.kafka),
    kafkaAccess: kafkaAccessOf(fields),
    clickhouseUrl: clickhouse,
    readerUrl: clickhouseReader,
    retention,
    sqlLimits,
    onCluster: cluster !== undefined,
    listen: fields.listen,
    insecureListen: fields.insecureListen,
    tokens: tokenFile(fields.tokens, log),
    clock: systemClock,
    log,
  });
});

/** What was wrongly told is one sentence and status 2. */
function told<T>(prefix: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new BootstrapError(`${prefix}${sentenceOf(error)}`);
  }
}

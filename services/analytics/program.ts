import { tokenFile } from '#platform/access/token-file.ts';
import { BootstrapError } from '#platform/bootstrap.ts';
import { systemClock } from '#platform/clock.ts';
import { KAFKA_ACCESS_FIELDS, kafkaAccessOf, kafkaBrokersOf } from '#platform/kafka-fields.ts';
import { sentenceOf } from '#platform/log.ts';
import { CLICKHOUSE_FIELDS, SERVICE_FIELDS, checkHttpUrl, runService } from '#platform/service.ts';
import { startAnalytics } from './analytics.ts';
import { type Retention, readRetention } from './schema/retention.ts';

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
  listen: {
    type: 'string',
    env: 'WINDROSE_ANALYTICS_LISTEN',
    default: '127.0.0.1:7410',
    description: 'address of the API',
  },
} as const;

runService('analytics', FIELDS, async (fields, log) => {
  const { clickhouse, clickhouseReader } = fields;
  checkHttpUrl('--clickhouse', clickhouse);
  if (clickhouseReader !== undefined) checkHttpUrl('--clickhouse-reader', clickhouseReader);
  return startAnalytics({
    mesh: fields.mesh,
    kafkaBrokers: kafkaBrokersOf(fields.kafka),
    kafkaAccess: kafkaAccessOf(fields),
    clickhouseUrl: clickhouse,
    readerUrl: clickhouseReader,
    retention: retentionOf(fields.keep),
    listen: fields.listen,
    insecureListen: fields.insecureListen,
    tokens: tokenFile(fields.tokens, log),
    clock: systemClock,
    log,
  });
});

function retentionOf(entries: readonly string[]): Retention {
  try {
    return readRetention(entries);
  } catch (error) {
    throw new BootstrapError(`--keep: ${sentenceOf(error)}`);
  }
}

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseDurationMs } from '#contracts/duration.ts';
import { tokenFile } from '#platform/access/token-file.ts';
import { BootstrapError } from '#platform/bootstrap.ts';
import { systemClock } from '#platform/clock.ts';
import { sentenceOf } from '#platform/log.ts';
import {
  CLICKHOUSE_FIELDS,
  NATS_FIELDS,
  SERVICE_FIELDS,
  checkFile,
  checkHttpUrl,
  runService,
} from '#platform/service.ts';
import { TRUST_FIELDS, UNSIGNED_WARNING, trustTexts } from '#platform/trust-fields.ts';
import { trustOf } from '#platform/trust.ts';
import { startAlerting } from './alerting.ts';
import { ALERTMANAGER } from './state.ts';
import type { Webhook } from './webhook.ts';

const INTERVAL_MIN_MS = 1_000;
const ENTRY = /^([^=\s]+)=(.*)$/;
/** A shorter one may be guessed. */
const SECRET_CHARS_MIN = 16;

const FIELDS = {
  ...SERVICE_FIELDS,
  ...NATS_FIELDS,
  ...TRUST_FIELDS,
  ...CLICKHOUSE_FIELDS,
  listen: {
    type: 'string',
    env: 'WINDROSE_ALERTING_LISTEN',
    default: '127.0.0.1:7420',
    description: 'address of the API',
  },
  webhook: {
    type: 'list',
    env: 'WINDROSE_WEBHOOKS',
    default: [],
    description: 'name=url of a notification target; repeatable',
  },
  webhookSecret: {
    type: 'list',
    env: 'WINDROSE_WEBHOOK_SECRETS',
    default: [],
    description: 'name=file with the secret that signs what this target is sent; repeatable',
  },
  alertmanager: {
    type: 'list',
    env: 'WINDROSE_ALERTMANAGERS',
    default: [],
    description: 'base URL of an Alertmanager; repeatable: all peers of one cluster',
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
} as const;

runService('alerting', FIELDS, async (fields, log) => {
  const webhooks = readWebhooks(fields.webhook, fields.webhookSecret);
  for (const url of fields.alertmanager) checkHttpUrl('--alertmanager', url);
  checkFile('--nats-creds', fields.natsCreds);
  checkFile('--nats-ca', fields.natsCa);
  checkHttpUrl('--clickhouse', fields.clickhouse);
  const trust = trustOf(trustTexts(fields));
  const service = await startAlerting({
    mesh: fields.mesh,
    natsUrl: fields.nats,
    natsCredsFile: fields.natsCreds,
    natsCaFile: fields.natsCa,
    clickhouseUrl: fields.clickhouse,
    listen: fields.listen,
    insecureListen: fields.insecureListen,
    trust,
    tokens: tokenFile(fields.tokens, log),
    webhooks,
    alertmanagers: fields.alertmanager,
    intervalMs: readInterval(fields.interval),
    dataDir: path.resolve(fields.dataDir),
    clock: systemClock,
    random: Math.random,
    log,
  });
  if (trust === undefined) log.warn(UNSIGNED_WARNING);
  return service;
});

function readWebhooks(
  entries: readonly string[],
  secrets: readonly string[],
): Map<string, Webhook> {
  const webhooks = new Map<string, Webhook>();
  for (const entry of entries) {
    const [, name = '', url = ''] = ENTRY.exec(entry) ?? [];
    if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
      throw new BootstrapError(
        `--webhook ${entry} is not name=url, such as oncall=http://127.0.0.1:9000/hook`,
      );
    }
    if (name === ALERTMANAGER) {
      throw new BootstrapError(`--webhook ${name} is the name of what --alertmanager gives`);
    }
    if (webhooks.has(name)) throw new BootstrapError(`--webhook ${name} is given twice`);
    webhooks.set(name, { url });
  }
  for (const entry of secrets) {
    const [, name = '', file = ''] = ENTRY.exec(entry) ?? [];
    const webhook = webhooks.get(name);
    if (webhook === undefined) {
      throw new BootstrapError(`--webhook-secret ${entry} is not name=file of a --webhook`);
    }
    webhook.secret = readSecret(file);
  }
  return webhooks;
}

function readSecret(file: string): Buffer {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new BootstrapError(`--webhook-secret: ${sentenceOf(error)}`);
  }
  if (text.length >= SECRET_CHARS_MIN) return Buffer.from(text);
  throw new BootstrapError(
    `--webhook-secret ${file} has fewer than ${SECRET_CHARS_MIN} characters in it`,
  );
}

function readInterval(text: string): number {
  const intervalMs = parseDurationMs(text);
  if (intervalMs >= INTERVAL_MIN_MS) return intervalMs;
  throw new BootstrapError(`--interval ${text} is no duration of at least 1s, such as 10s`);
}

import { BootstrapError } from '#platform/bootstrap.ts';
import { NATS_FIELDS, SERVICE_FIELDS, checkFile, runService } from '#platform/service.ts';
import { LOG_KEEP, startConfigService } from './service.ts';

const FIELDS = {
  ...SERVICE_FIELDS,
  ...NATS_FIELDS,
  natsReplicas: {
    type: 'number',
    env: 'WINDROSE_NATS_REPLICAS',
    default: 1,
    description: 'copies of each stream that is made: 3 on a cluster',
  },
  logKeep: {
    type: 'number',
    env: 'WINDROSE_LOG_KEEP',
    default: LOG_KEEP,
    description: 'messages that stay in the log when older ones go to the archive',
  },
  listen: {
    type: 'string',
    env: 'WINDROSE_CONFIG_LISTEN',
    default: '127.0.0.1:7400',
    description: 'address of the API',
  },
  analytics: {
    type: 'string',
    env: 'WINDROSE_ANALYTICS_URL',
    description: 'base URL of the analytics service, told on /v1/info',
  },
  alerting: {
    type: 'string',
    env: 'WINDROSE_ALERTING_URL',
    description: 'base URL of the alerting service, told on /v1/info',
  },
} as const;

runService('config', FIELDS, async (fields, log) => {
  const { natsReplicas } = fields;
  if (![1, 3, 5].includes(natsReplicas)) {
    throw new BootstrapError(`--nats-replicas ${natsReplicas} is not 1, 3 or 5`);
  }
  if (!Number.isInteger(fields.logKeep) || fields.logKeep < 1) {
    throw new BootstrapError(`--log-keep ${fields.logKeep} is no whole number from 1 on`);
  }
  checkFile('--nats-creds', fields.natsCreds);
  checkFile('--nats-ca', fields.natsCa);
  return startConfigService({
    mesh: fields.mesh,
    natsUrl: fields.nats,
    natsCreds: fields.natsCreds,
    natsCa: fields.natsCa,
    replicas: natsReplicas,
    logKeep: fields.logKeep,
    listen: fields.listen,
    insecureListen: fields.insecureListen,
    analytics: fields.analytics,
    alerting: fields.alerting,
    log,
  });
});

import { tokenFile } from '#platform/access/token-file.ts';
import { BootstrapError } from '#platform/bootstrap.ts';
import { NATS_FIELDS, SERVICE_FIELDS, checkFile, runService } from '#platform/service.ts';
import { startConfigService } from './service.ts';

const FIELDS = {
  ...SERVICE_FIELDS,
  ...NATS_FIELDS,
  natsReplicas: {
    type: 'number',
    env: 'WINDROSE_NATS_REPLICAS',
    default: 1,
    description: 'copies of each stream that is made: 3 on a cluster',
  },
  listen: {
    type: 'string',
    env: 'WINDROSE_CONFIG_LISTEN',
    default: '127.0.0.1:7400',
    description: 'address of the API',
  },
  auditLog: {
    type: 'string',
    env: 'WINDROSE_AUDIT_LOG',
    description: 'a file for who tried to change what, a JSON line each, or -; none: the log',
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
  checkFile('--nats-creds', fields.natsCreds);
  checkFile('--nats-ca', fields.natsCa);
  return startConfigService({
    mesh: fields.mesh,
    natsUrl: fields.nats,
    natsCreds: fields.natsCreds,
    natsCa: fields.natsCa,
    replicas: natsReplicas,
    listen: fields.listen,
    insecureListen: fields.insecureListen,
    auditLog: fields.auditLog,
    tokens: tokenFile(fields.tokens, log),
    analytics: fields.analytics,
    alerting: fields.alerting,
    log,
  });
});

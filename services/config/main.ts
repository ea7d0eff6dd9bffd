import {
  type FieldSpec,
  BootstrapError,
  bootstrapHelp,
  readBootstrap,
} from '#platform/bootstrap.ts';
import { LABEL } from '#contracts/names.ts';
import { createLog, sentenceOf } from '#platform/log.ts';
import { startTracing } from '#platform/otel.ts';
import { runMain } from '#platform/process.ts';
import { startConfigService } from './service.ts';

const PROGRAM = 'windrose-config';

const FIELDS = {
  mesh: {
    type: 'string',
    env: 'WINDROSE_MESH',
    default: 'demo',
    description: 'name of the mesh',
  },
  nats: {
    type: 'string',
    env: 'NATS_URL',
    default: 'nats://127.0.0.1:7422',
    description: 'NATS servers with JetStream, separated by commas',
  },
  natsCreds: { type: 'string', env: 'NATS_CREDS', description: 'a .creds file for NATS' },
  natsCa: { type: 'string', env: 'NATS_CA', description: 'a CA bundle for tls:// servers' },
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
  insecureListen: {
    type: 'boolean',
    env: 'WINDROSE_INSECURE_LISTEN',
    default: false,
    description: 'listen on other addresses than loopback although the API has no tokens yet',
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
  otlp: {
    type: 'string',
    env: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    description: 'OTLP/HTTP endpoint for traces; none: no traces',
  },
} as const satisfies Record<string, FieldSpec>;

runMain(PROGRAM, async () => {
  const argv = process.argv.slice(2);
  if (argv.includes('--help')) {
    process.stdout.write(`${bootstrapHelp(PROGRAM, FIELDS)}\n`);
    return undefined;
  }
  const fields = readBootstrap({ program: PROGRAM, fields: FIELDS, argv, env: process.env });
  const { mesh, natsReplicas } = fields;
  if (!new RegExp(LABEL).test(mesh)) {
    throw new BootstrapError(`--mesh ${mesh} is no label of lower-case letters, digits and dashes`);
  }
  if (![1, 3, 5].includes(natsReplicas)) {
    throw new BootstrapError(`--nats-replicas ${natsReplicas} is not 1, 3 or 5`);
  }
  const tracing = startTracing('config', fields.otlp);
  const service = await startConfigService({
    mesh,
    natsUrl: fields.nats,
    natsCreds: fields.natsCreds,
    natsCa: fields.natsCa,
    replicas: natsReplicas,
    listen: fields.listen,
    insecureListen: fields.insecureListen,
    analytics: fields.analytics,
    alerting: fields.alerting,
    log: createLog({ service: 'config', fields: { mesh } }),
  });
  service.ready.then(
    () => process.stdout.write(`ready ${service.url}\n`),
    (error: unknown) => {
      process.stderr.write(`${PROGRAM}: ${sentenceOf(error)}\n`);
      process.exit(1);
    },
  );
  return {
    stop: async () => {
      await service.stop();
      await tracing.stop();
    },
  };
});

import { tokenFile } from '#platform/access/token-file.ts';
import { BootstrapError } from '#platform/bootstrap.ts';
import { KeyError, Signer } from '#platform/signing.ts';
import { NATS_FIELDS, SERVICE_FIELDS, checkFile, runService } from '#platform/service.ts';
import { TRUST_FIELDS, UNSIGNED_WARNING, trustTexts } from '#platform/trust-fields.ts';
import { trustOf } from '#platform/trust.ts';
import { SealError, Unsealer } from '#platform/sealing.ts';
import { LOG_KEEP, startConfigService } from './service.ts';

const FIELDS = {
  ...SERVICE_FIELDS,
  ...NATS_FIELDS,
  ...TRUST_FIELDS,
  signingKey: {
    type: 'string',
    env: 'WINDROSE_SIGNING_KEY',
    description: 'PEM file with the Ed25519 key that signs what this service publishes',
  },
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
  sealingKey: {
    type: 'list',
    env: 'WINDROSE_SEALING_KEY',
    description:
      'files of X25519 keys that the values of Secrets are sealed to: the first seals, all open',
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
  if (!Number.isInteger(fields.logKeep) || fields.logKeep < 1) {
    throw new BootstrapError(`--log-keep ${fields.logKeep} is no whole number from 1 on`);
  }
  checkFile('--nats-creds', fields.natsCreds);
  checkFile('--nats-ca', fields.natsCa);
  const signer = readSigner(fields.signingKey, fields);
  const own = signer === undefined ? [] : [{ pem: signer.publicKey, from: 'the signing key' }];
  const trust = trustOf(trustTexts(fields, { texts: own, flag: '--signing-key' }));
  const service = await startConfigService({
    mesh: fields.mesh,
    natsUrl: fields.nats,
    natsCreds: fields.natsCreds,
    natsCa: fields.natsCa,
    replicas: natsReplicas,
    logKeep: fields.logKeep,
    listen: fields.listen,
    insecureListen: fields.insecureListen,
    signer,
    trust,
    sealing: readSealingKeys(fields.sealingKey ?? [], signer),
    auditLog: fields.auditLog,
    tokens: tokenFile(fields.tokens, log),
    analytics: fields.analytics,
    alerting: fields.alerting,
    log,
  });
  if (signer === undefined) log.warn(UNSIGNED_WARNING);
  return service;
});

/** Undefined only in an unsigned mesh: what cannot sign must not write. */
function readSigner(
  file: string | undefined,
  { insecureUnsigned }: { insecureUnsigned: boolean },
): Signer | undefined {
  if (file === undefined) {
    if (insecureUnsigned) return undefined;
    throw new BootstrapError(
      '--signing-key or WINDROSE_SIGNING_KEY is missing: what this service signs with ' +
        '(`windrose mesh init` makes keys); --insecure-unsigned runs a mesh without signatures',
    );
  }
  try {
    return Signer.read(file);
  } catch (error) {
    if (error instanceof KeyError) throw new BootstrapError(`--signing-key: ${error.message}`);
    throw error;
  }
}

/** Who may have a Secret is said by signed grants, so that an unsigned mesh has none. */
function readSealingKeys(
  files: readonly string[],
  signer: Signer | undefined,
): readonly [Unsealer, ...Unsealer[]] | undefined {
  try {
    const [first, ...others] = files.map((file) => Unsealer.read(file));
    if (first === undefined) return undefined;
    if (signer !== undefined) return [first, ...others];
  } catch (error) {
    if (error instanceof SealError) throw new BootstrapError(`--sealing-key: ${error.message}`);
    throw error;
  }
  throw new BootstrapError('--sealing-key needs --signing-key: an unsigned mesh has no Secrets');
}

import type { ProxyCredential } from '#contracts/credential.ts';
import type { ProxyRole } from '#contracts/events.ts';
import { LABEL, SERVICE_NAME } from '#contracts/names.ts';
import { BootstrapError } from '#platform/bootstrap.ts';
import type { Values } from './bootstrap.ts';

const WORKERS_MAX = 256;
const NAME = new RegExp(LABEL);
const SERVICE = new RegExp(SERVICE_NAME);

/** A credential is for one proxy of one mesh, and one Service at most. */
export function checkCredential(values: Values, { mesh, proxy, grant }: ProxyCredential): void {
  for (const [field, value] of Object.entries({ mesh, name: proxy })) {
    const given = values[field as 'mesh' | 'name'];
    if (given === undefined || given === value) continue;
    throw new BootstrapError(`--${field} ${given}: the credential is that of ${mesh}/${proxy}`);
  }
  if (values.natsCreds !== undefined) {
    throw new BootstrapError(
      '--nats-creds (NATS_CREDS) beside --credential, which is one for NATS too: leave one out',
    );
  }
  const { service, inbound } = values;
  if (service === undefined || inbound === undefined || service === grant.service) return;
  throw new BootstrapError(
    `--service ${service}: the credential lets it announce ${grant.service ?? 'no Service'}`,
  );
}

export function checkName(name: string | undefined): string {
  if (name !== undefined) return name;
  throw new BootstrapError('--name or WINDROSE_NAME is missing: name of the proxy in its mesh');
}

/** Whether every name is one, and the number of workers a number. */
export function checkNames(values: Values): void {
  for (const field of ['name', 'mesh'] as const) {
    const value = values[field];
    if (value === undefined || NAME.test(value)) continue;
    throw new BootstrapError(
      `--${field} ${value} is no name: lower-case letters, digits and -, at most 63`,
    );
  }
  const services = [...(values.gateway ?? []), ...(values.service ? [values.service] : [])];
  for (const name of services) {
    if (!SERVICE.test(name)) throw new BootstrapError(`${name} is not namespace/name`);
  }
  const { workers } = values;
  if (!Number.isInteger(workers) || workers < 1 || workers > WORKERS_MAX) {
    throw new BootstrapError(`--workers ${workers} is not a number from 1 to ${WORKERS_MAX}`);
  }
}

const SIDECAR_FIELDS = ['service', 'app', 'inbound', 'outbound', 'outboundPorts'] as const;

/** Each flag belongs to a role, and each role needs some. */
export function checkRole(values: Values, role: ProxyRole): void {
  const sidecarOnly = SIDECAR_FIELDS.filter((field) => values[field] !== undefined);
  if (role === 'gateway') {
    const field = sidecarOnly[0];
    if (field === undefined) return;
    const flag = field === 'outboundPorts' ? 'outbound-ports' : field;
    throw new BootstrapError(`--${flag} is for a sidecar; say --role sidecar or --role fused`);
  }
  if (role === 'sidecar' && values.gateway !== undefined) {
    throw new BootstrapError('--gateway is for a gateway; say --role gateway or --role fused');
  }
  if (values.service === undefined) {
    throw new BootstrapError('--service is missing: namespace/name of the Service of this sidecar');
  }
  const calls = values.outbound ?? values.outboundPorts;
  if (values.inbound === undefined && calls === undefined) {
    throw new BootstrapError('--inbound or --outbound is missing: where the sidecar listens');
  }
  if (values.inbound !== undefined && values.app === undefined) {
    throw new BootstrapError('--app is missing: host:port where the application listens');
  }
}

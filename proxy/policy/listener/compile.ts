import { DEFAULT_NAMESPACE, keyOf } from '#contracts/names.ts';
import type { ListenerPolicy } from '#contracts/resources/index.ts';
import {
  LISTENER_DEFAULT,
  type ListenerSettings,
  MESH_LISTENER_DEFAULT,
} from '../../listener/settings.ts';
import { TrustedHops } from '../../listener/trusted-hops.ts';
import type { Report } from '../../snapshot/report.ts';
import { type Cidr, parseCidr } from '../../upstream/addresses.ts';
import type { PolicyConfig } from '../kinds.ts';
import { TIMER_MAX_MS } from '../timeout/config.ts';

type Spec = ListenerPolicy['spec'];
type TimeoutField = keyof NonNullable<Spec['timeouts']>;

/** What of a policy has to be read; undefined: not said, or it could not be. */
interface Read {
  trustedHops: TrustedHops | undefined;
  timeoutsMs: Readonly<Partial<Record<TimeoutField, number>>>;
}

/** ListenerPolicy: what it does not say, or nobody can read, has the default of where it stands. */
export function compileListener(policy: ListenerPolicy, report: Report): PolicyConfig {
  const { name, namespace = DEFAULT_NAMESPACE } = policy.metadata;
  const { spec } = policy;
  const key = keyOf({ kind: policy.kind, namespace, name });
  const { trustedHops: hops } = spec;
  const read: Read = {
    trustedHops: hops === undefined ? undefined : compileHops(hops, report),
    timeoutsMs: compileTimeouts(spec.timeouts, report),
  };
  if (hops !== undefined && spec.targetRefs.some(({ kind }) => kind === 'Service')) {
    const message = 'a sidecar believes nobody about the client of a request yet';
    report.add('spec.trustedHops', 'not_supported_yet', message);
  }
  const edge = settingsOf(key, spec, read, LISTENER_DEFAULT);
  const { startLineBytes, headBytes } = edge.limits.head;
  if (spec.limits?.requestLineBytes !== undefined && startLineBytes > headBytes) {
    const message = 'the request line is a part of the head, and cannot be longer';
    report.add('spec.limits.requestLineBytes', 'invalid_value', message);
  }
  const mesh = settingsOf(key, spec, { ...read, trustedHops: undefined }, MESH_LISTENER_DEFAULT);
  return Object.freeze({ kind: 'ListenerPolicy', edge, mesh });
}

function settingsOf(
  policy: string,
  spec: Spec,
  { trustedHops, timeoutsMs }: Read,
  standard: ListenerSettings,
): ListenerSettings {
  const { limits = {}, paths = {}, headers = {} } = spec;
  return Object.freeze({
    policy,
    limits: Object.freeze({
      connections: limits.connections ?? standard.limits.connections,
      connectionsPerAddress: limits.connectionsPerAddress ?? standard.limits.connectionsPerAddress,
      head: Object.freeze({
        startLineBytes: limits.requestLineBytes ?? standard.limits.head.startLineBytes,
        headBytes: limits.headerBytes ?? standard.limits.head.headBytes,
        fields: limits.headerCount ?? standard.limits.head.fields,
      }),
      headerReadMs: timeoutsMs.headerRead ?? standard.limits.headerReadMs,
      keepAliveIdleMs: timeoutsMs.keepAliveIdle ?? standard.limits.keepAliveIdleMs,
      streams: limits.streams ?? standard.limits.streams,
    }),
    rules: Object.freeze({
      trustedHops,
      escapedSlash: paths.escapedSlash ?? standard.rules.escapedSlash,
      underscores: headers.underscores ?? standard.rules.underscores,
      streamIdleMs: timeoutsMs.streamIdle ?? standard.rules.streamIdleMs,
    }),
  });
}

function compileHops(
  { cidrs, header }: NonNullable<Spec['trustedHops']>,
  report: Report,
): TrustedHops {
  const networks = cidrs.flatMap((text, index): Cidr[] => {
    const cidr = parseCidr(text);
    if (cidr !== undefined) return [cidr];
    const path = `spec.trustedHops.cidrs[${index}]`;
    report.add(path, 'invalid_value', `${text} is no network`, 'write one such as 10.0.0.0/8');
    return [];
  });
  return new TrustedHops(networks, header);
}

function compileTimeouts(timeouts: Spec['timeouts'] = {}, report: Report): Read['timeoutsMs'] {
  const read: Partial<Record<TimeoutField, number>> = {};
  for (const [field, text] of Object.entries(timeouts)) {
    const path = `spec.timeouts.${field}`;
    const durationMs = report.durationMs(path, text);
    if (durationMs === undefined) continue;
    if (durationMs <= TIMER_MAX_MS) read[field as TimeoutField] = durationMs;
    else report.add(path, 'invalid_value', `${text} is longer than the 24 days a timer can wait`);
  }
  return read;
}

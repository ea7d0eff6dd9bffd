import { DEFAULT_NAMESPACE, keyOf } from '#contracts/names.ts';
import type { ListenerPolicy } from '#contracts/resources/index.ts';
import {
  LISTENER_DEFAULT,
  type ListenerSettings,
  type PortLimits,
  type RequestRules,
} from '../../listener/settings.ts';
import { TrustedHops } from '../../listener/trusted-hops.ts';
import type { Report } from '../../snapshot/report.ts';
import { type Cidr, parseCidr } from '../../upstream/addresses.ts';
import type { PolicyConfig } from '../kinds.ts';
import { TIMER_MAX_MS } from '../timeout/config.ts';

/** ListenerPolicy: a field that cannot be read, or is not there, has its default. */
export function compileListener(policy: ListenerPolicy, report: Report): PolicyConfig {
  const { name, namespace = DEFAULT_NAMESPACE } = policy.metadata;
  return Object.freeze({
    kind: 'ListenerPolicy',
    listener: Object.freeze({
      policy: keyOf({ kind: policy.kind, namespace, name }),
      limits: compileLimits(policy.spec, report),
      rules: compileRules(policy.spec, report),
    } satisfies ListenerSettings),
  });
}

function compileLimits(spec: ListenerPolicy['spec'], report: Report): PortLimits {
  const { limits = {}, timeouts = {} } = spec;
  const standard = LISTENER_DEFAULT.limits;
  const head = Object.freeze({
    startLineBytes: limits.requestLineBytes ?? standard.head.startLineBytes,
    headBytes: limits.headerBytes ?? standard.head.headBytes,
    fields: limits.headerCount ?? standard.head.fields,
  });
  if (head.startLineBytes > head.headBytes && limits.requestLineBytes !== undefined) {
    const message = 'the request line is a part of the head, and cannot be longer';
    report.add('spec.limits.requestLineBytes', 'invalid_value', message);
  }
  return Object.freeze({
    connections: limits.connections ?? standard.connections,
    connectionsPerAddress: limits.connectionsPerAddress ?? standard.connectionsPerAddress,
    head,
    headerReadMs: durationMs('headerRead', timeouts.headerRead, report) ?? standard.headerReadMs,
    keepAliveIdleMs:
      durationMs('keepAliveIdle', timeouts.keepAliveIdle, report) ?? standard.keepAliveIdleMs,
    streams: limits.streams ?? standard.streams,
  });
}

function compileRules(spec: ListenerPolicy['spec'], report: Report): RequestRules {
  const { trustedHops, timeouts, paths, headers } = spec;
  const standard = LISTENER_DEFAULT.rules;
  return Object.freeze({
    trustedHops: trustedHops === undefined ? undefined : compileHops(trustedHops, report),
    escapedSlash: paths?.escapedSlash ?? standard.escapedSlash,
    underscores: headers?.underscores ?? standard.underscores,
    streamIdleMs: durationMs('streamIdle', timeouts?.streamIdle, report) ?? standard.streamIdleMs,
  });
}

function compileHops(
  { cidrs, header }: NonNullable<ListenerPolicy['spec']['trustedHops']>,
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

function durationMs(field: string, text: string | undefined, report: Report): number | undefined {
  if (text === undefined) return undefined;
  const path = `spec.timeouts.${field}`;
  const durationMs = report.durationMs(path, text);
  if (durationMs === undefined || durationMs <= TIMER_MAX_MS) return durationMs;
  report.add(path, 'invalid_value', `${text} is longer than the 24 days that a timer can wait`);
  return undefined;
}

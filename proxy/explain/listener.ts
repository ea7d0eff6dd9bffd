import {
  LISTENER_DEFAULT,
  MESH_LISTENER_DEFAULT,
  type PortLimits,
  type RequestRules,
  strictest,
} from '../listener/settings.ts';
import type { CompiledService, ListenerSpec } from '../snapshot/compiled.ts';
import { span } from './words.ts';

const ESCAPED_SLASH = {
  Reject: 'refuses %2F in paths',
  Keep: 'keeps %2F in paths as it is',
  Decode: 'reads %2F in paths as a slash',
};
const UNDERSCORES = {
  Reject: 'refuses header names with underscores',
  Drop: 'drops headers with underscores in their names',
  Keep: 'keeps headers with underscores in their names',
  KeepAll: 'keeps headers with underscores in their names',
};

/** How a listener departs from the defaults, for people; and its port, which it may share. */
export function listenerInWords(spec: ListenerSpec, all: readonly ListenerSpec[]): string[] {
  const sharing = all.filter(({ sockets }) => sockets.some((each) => spec.sockets.includes(each)));
  const limits = strictest(sharing.map(({ settings }) => settings.limits));
  const rules = rulesInWords(spec.settings.rules, LISTENER_DEFAULT.rules);
  const port = limitsInWords(limits, LISTENER_DEFAULT.limits);
  const shared = sharing.length > 1 ? `, the strictest of ${sharing.length} listeners` : '';
  return [
    ...(rules.length === 0 ? [] : [rules.join(', ')]),
    ...(port.length === 0 ? [] : [`port ${spec.port}: ${port.join(', ')}${shared}`]),
  ];
}

/** How the sidecars of a Service depart from them; empty: they do not. */
export function sidecarInWords({ listener }: CompiledService): string {
  return [
    ...rulesInWords(listener.rules, MESH_LISTENER_DEFAULT.rules),
    ...limitsInWords(listener.limits, MESH_LISTENER_DEFAULT.limits),
  ].join(', ');
}

function rulesInWords(rules: RequestRules, standard: RequestRules): string[] {
  const { trustedHops: hops, escapedSlash, underscores, streamIdleMs } = rules;
  const field = { XForwardedFor: 'X-Forwarded-For', Forwarded: 'Forwarded' };
  const header = hops?.header === undefined ? 'X-Forwarded-For or Forwarded' : field[hops.header];
  return [
    ...(hops === undefined ? [] : [`believes ${header} of ${hops.cidrs.join(', ')}`]),
    ...(escapedSlash === standard.escapedSlash ? [] : [ESCAPED_SLASH[escapedSlash]]),
    ...(underscores === standard.underscores ? [] : [UNDERSCORES[underscores]]),
    ...(streamIdleMs === standard.streamIdleMs
      ? []
      : [`a body may stand still ${span(streamIdleMs)}`]),
  ];
}

function limitsInWords(limits: PortLimits, standard: PortLimits): string[] {
  const rows: [text: string, of: (limits: PortLimits) => number, ms?: true][] = [
    ['connections', (each) => each.connections],
    ['connections per address', (each) => each.connectionsPerAddress],
    ['request line bytes', ({ head }) => head.startLineBytes],
    ['header bytes', ({ head }) => head.headBytes],
    ['header fields', ({ head }) => head.fields],
    ['HTTP/2 streams', (each) => each.streams],
    ['for a head', (each) => each.headerReadMs, true],
    ['idle', (each) => each.keepAliveIdleMs, true],
  ];
  return rows.flatMap(([text, of, isMs]) => {
    const value = of(limits);
    if (value === of(standard)) return [];
    return [`${isMs === true ? span(value) : value} ${text}`];
  });
}

import { type Command, InvalidArgumentError, Option } from 'commander';

/** The range and filters that analytics takes; the same flags on every verb that asks it. */
export interface RangeOptions {
  from?: string;
  to?: string;
}

export interface FilterOptions extends RangeOptions {
  route?: string;
  service?: string;
  source?: string;
  consumer?: string;
  revision?: string;
  reason?: string;
  field?: string;
}

export function withRange(command: Command, from: string): Command {
  return command
    .option('--from <time>', 'RFC 3339, or relative such as -15m', from)
    .option('--to <time>', 'RFC 3339, or relative (default: now)');
}

export function withFilters(command: Command): Command {
  return command
    .option('--route <name>', 'namespace/name of a route')
    .option('--service <name>', 'namespace/name of the called Service')
    .option('--source <name>', 'namespace/name of the caller, or Gateway/namespace/name')
    .option('--consumer <name>', 'namespace/name of a Consumer')
    .option('--revision <revision>', 'what this revision decided')
    .option('--reason <word>', 'how it ended, such as ok, no_route, upstream_timeout')
    .option('--field <name=value>', 'what a TelemetryPolicy records, such as tenant=acme');
}

export function filterQuery(options: FilterOptions): Record<string, string | undefined> {
  const { from, to, route, service, source, consumer, revision, reason, field } = options;
  return { from, to, route, service, source, consumer, revision, reason, field };
}

export function statusOption(): Option {
  return new Option('--status <code>', 'such as 503, or 5xx').argParser((text) => {
    if (/^[1-5]([0-9]{2}|xx)$/.test(text)) return text;
    throw new InvalidArgumentError('Write a status such as 503, or a class such as 5xx.');
  });
}

export function directionOption(): Option {
  return new Option('--direction <word>', 'whose record').choices(['edge', 'inbound', 'outbound']);
}

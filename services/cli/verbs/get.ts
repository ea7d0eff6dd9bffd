import type { Command } from 'commander';
import type { Reported, ResourceList } from '#contracts/api/config.ts';
import { metadataOf } from '#contracts/resources/index.ts';
import { CliError, EXIT, usage } from '../errors.ts';
import { type Io, line } from '../io.ts';
import { kindOf, matches, nameFilter, namespaceOf, resourcePath } from '../kinds.ts';
import { ageOf } from '../output/format.ts';
import { toYaml } from '../output/print.ts';
import { standingOf } from '../output/standing.ts';
import { summaryOf } from '../output/summary.ts';
import { table } from '../output/table.ts';
import { type ServerOptions, configServer } from '../servers.ts';
import { type OutputOptions, addVerb, withOutput, withServer } from '../verb.ts';

interface Options extends ServerOptions, OutputOptions {
  namespace?: string;
  at?: string;
}

export function addGet(program: Command, io: Io): void {
  const command = addVerb(program, {
    usage: 'get <kind> [name]',
    summary: 'show resources as the log has them',
    details:
      'KIND is a kind, its plural or short name, or `all`; NAME may be NAMESPACE/NAME.\n' +
      'Without -n all namespaces are shown. STATUS is OK, or the first condition that is\n' +
      'not as it should be. What -o yaml and -o json print can be applied again.',
    examples: [
      'windrose get routes',
      'windrose get httproute shop/reviews -o yaml',
      'windrose get all -n shop --at 1',
    ],
  })
    .option('-n, --namespace <name>', 'this namespace only')
    .option('--at <revision>', 'as of this revision, such as 2');
  withServer(withOutput(command)).action(
    async (kind: string, name: string | undefined, options: Options) => {
      const items = await find(io, kind, name, options);
      show(io, options, items, name !== undefined);
    },
  );
}

async function find(
  io: Io,
  kind: string,
  name: string | undefined,
  options: Options,
): Promise<Reported[]> {
  const all = kind.toLowerCase() === 'all';
  if (all && name !== undefined) throw usage('`get all` takes no name');
  const entry = all ? undefined : kindOf(kind);
  const filter =
    entry === undefined
      ? options.namespace === undefined
        ? {}
        : { namespace: options.namespace }
      : nameFilter(entry, name, options.namespace);
  const client = await configServer(io, options);
  const path = entry === undefined ? '/v1/resources' : resourcePath(entry, filter);
  const list = await client.get<ResourceList>(path, { at: options.at });
  const items = list.items.filter((item) => matches(item, filter));
  if (name !== undefined && items.length === 0) {
    const at = options.at === undefined ? '' : ` at revision ${options.at}`;
    throw new CliError(EXIT.failed, `there is no ${entry?.kind ?? 'resource'} ${name}${at}`);
  }
  return items;
}

function show(io: Io, options: Options, items: readonly Reported[], one: boolean): void {
  const only = one && items.length === 1 ? items[0] : undefined;
  switch (options.output) {
    case 'json': {
      const value = only ?? { apiVersion: 'v1', kind: 'List', items };
      return line(io.out, JSON.stringify(value, null, 2));
    }
    case 'yaml':
      return items.length === 0
        ? line(io.out, toYaml({ apiVersion: 'v1', kind: 'List', items }).trimEnd())
        : line(io.out, items.map((item) => toYaml(item).trimEnd()).join('\n---\n'));
    case 'table':
      return items.length === 0
        ? line(io.err, 'there are none')
        : line(io.out, tableOf(items, io.wallMs()));
    default:
      return options.output satisfies never;
  }
}

function tableOf(items: readonly Reported[], nowMs: number): string {
  const kinds = new Set(items.map((item) => item.kind));
  return table<Reported>(
    [
      ...(kinds.size > 1 ? [{ title: 'KIND', value: (item: Reported) => item.kind }] : []),
      { title: 'NAMESPACE', value: (item) => namespaceOf(item) ?? '' },
      { title: 'NAME', value: (item) => item.metadata.name },
      { title: 'REVISION', value: (item) => metadataOf(item).resourceVersion ?? '' },
      { title: 'AGE', value: (item) => ageOf(metadataOf(item).creationTimestamp, nowMs) },
      ...(items.some((item) => item.status !== undefined)
        ? [{ title: 'STATUS', value: standingOf }]
        : []),
      { title: 'SUMMARY', value: summaryOf },
    ],
    items,
  );
}

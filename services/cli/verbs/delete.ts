import type { Command } from 'commander';
import type { ResourceList } from '#contracts/api/config.ts';
import type { ResourceRef } from '#contracts/names.ts';
import { type WriteOptions, withWriting, write } from '../changeset.ts';
import { CliError, EXIT, usage } from '../errors.ts';
import { readResources } from '../input.ts';
import type { Io } from '../io.ts';
import { kindOf, matches, nameFilter, namespaceOf, refOfResource } from '../kinds.ts';
import { configServer } from '../servers.ts';
import { addVerb } from '../verb.ts';

interface Options extends WriteOptions {
  filename?: string[];
  namespace?: string;
}

export function addDelete(program: Command, io: Io): void {
  const command = addVerb(program, {
    usage: 'delete [kind] [names...]',
    summary: 'delete resources, by name or as files have them',
    details: 'Without -n a name is looked for in all namespaces and must be in one of them only.',
    examples: [
      'windrose delete faultpolicy flaky-payments -n shop --wait',
      'windrose delete httproute shop/reviews',
      'windrose delete -f infra/demo/try/fault.yaml',
    ],
  })
    .option('-f, --filename <path...>', 'delete what stands in these files')
    .option('-n, --namespace <name>', 'the namespace of the names');
  withWriting(command).action(
    async (kind: string | undefined, names: string[], options: Options) => {
      await write(io, options, { deletes: await refsOf(io, kind, names, options) });
    },
  );
}

async function refsOf(
  io: Io,
  kind: string | undefined,
  names: readonly string[],
  options: Options,
): Promise<ResourceRef[]> {
  if (options.filename !== undefined) {
    if (kind !== undefined) throw usage('delete takes -f, or a kind and names, not both');
    return (await readResources(io, options.filename)).map(refOfResource);
  }
  if (kind === undefined || names.length === 0) {
    throw usage('delete needs a kind and a name, or -f; see windrose delete --help');
  }
  const entry = kindOf(kind);
  const filters = names.map((name) => nameFilter(entry, name, options.namespace));
  const client = await configServer(io, options);
  const { items } = await client.get<ResourceList>(`/v1/resources/${entry.kind}`);
  return filters.map((filter) => {
    const found = items.filter((item) => matches(item, filter));
    const [only, ...more] = found;
    const place = filter.namespace === undefined ? '' : ` in ${filter.namespace}`;
    if (only === undefined) {
      throw new CliError(EXIT.failed, `there is no ${entry.kind} ${filter.name}${place}`);
    }
    if (more.length > 0) {
      const where = found.map((item) => namespaceOf(item)).join(', ');
      throw usage(`${entry.kind} ${filter.name} is in several namespaces (${where}); say -n`);
    }
    return refOfResource(only);
  });
}

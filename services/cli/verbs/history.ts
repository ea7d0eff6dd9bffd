import type { Command } from 'commander';
import type { ChangeSetList, ChangeSetSummary } from '#contracts/api/config.ts';
import { NO_NAMESPACE, keyOf } from '#contracts/names.ts';
import { usage } from '../errors.ts';
import { type Io, line } from '../io.ts';
import { kindOf } from '../kinds.ts';
import { wholeNumber } from '../numbers.ts';
import { changesSummary } from '../output/changes.ts';
import { ageOf } from '../output/format.ts';
import { print } from '../output/print.ts';
import { table } from '../output/table.ts';
import { type ServerOptions, configServer } from '../servers.ts';
import { type OutputOptions, addVerb, withOutput, withServer } from '../verb.ts';

interface Options extends ServerOptions, OutputOptions {
  limit: number;
  before?: string;
  namespace?: string;
}

export function addHistory(program: Command, io: Io): void {
  const command = addVerb(program, {
    usage: 'history [resource]',
    summary: 'list the change-sets, newest first',
    details:
      'RESOURCE is KIND/NAMESPACE/NAME, or KIND/NAME with -n or for a kind without namespaces:\n' +
      'only the change-sets that touched it.',
    examples: [
      'windrose history',
      'windrose history route/shop/reviews',
      'windrose history -n shop --limit 5 --before 2 -o json',
    ],
  })
    .option('-n, --namespace <name>', 'that touched this namespace')
    .option('--limit <n>', 'how many', wholeNumber('--limit', 1, 500), 20)
    .option('--before <revision>', 'older than this revision');
  withServer(withOutput(command)).action(async (name: string | undefined, options: Options) => {
    const { limit, before, namespace } = options;
    const resource = name === undefined ? undefined : keyFor(name, namespace);
    const client = await configServer(io, options);
    const query = { limit, before, resource, ...(resource === undefined ? { namespace } : {}) };
    const list = await client.get<ChangeSetList>('/v1/changesets', query);
    const { items, next } = list;
    print(io, options.output, list, () => (items.length === 0 ? '' : tableOf(items, io.wallMs())));
    if (options.output !== 'table') return;
    if (items.length === 0) line(io.err, 'there are none');
    if (next !== undefined) line(io.err, `older ones: --before ${next}`);
  });
}

/** `route/shop/reviews` as the API names it. */
function keyFor(text: string, option: string | undefined): string {
  const [first = '', ...rest] = text.split('/');
  const entry = kindOf(first);
  const [space, name, ...more] = rest.length === 1 ? [undefined, ...rest] : rest;
  const isCluster = entry.scope === 'Cluster';
  const namespace = space === NO_NAMESPACE ? undefined : (space ?? option);
  if (name === undefined || name === '' || more.length > 0) {
    throw usage(`${text} is no resource; write KIND/NAMESPACE/NAME`);
  }
  if (isCluster && namespace !== undefined) {
    throw usage(`a ${entry.kind} belongs to no namespace; write ${entry.kind}/${name}`);
  }
  if (!isCluster && namespace === undefined) {
    throw usage(`${text} lacks a namespace; write ${entry.kind}/NAMESPACE/${name}, or say -n`);
  }
  if (space !== undefined && option !== undefined && space !== option) {
    throw usage(`${text} names the namespace ${space}, and -n ${option} another`);
  }
  return keyOf({ kind: entry.kind, name, ...(namespace === undefined ? {} : { namespace }) });
}

function tableOf(items: readonly ChangeSetSummary[], nowMs: number): string {
  return table<ChangeSetSummary>(
    [
      { title: 'REVISION', value: (item) => item.revision },
      { title: 'AGE', value: (item) => ageOf(item.time, nowMs) },
      { title: 'AUTHOR', value: (item) => item.author },
      { title: 'CHANGES', value: changesOf },
      { title: 'MESSAGE', value: messageOf },
    ],
    items,
  );
}

function changesOf({ changes, hidden = 0 }: ChangeSetSummary): string {
  const summary = changesSummary(changes);
  return hidden === 0 ? summary : `${summary}, ${hidden} not shown`;
}

/** The author's message, with what a rollback took back in front unless it says so itself. */
export function messageOf(item: Pick<ChangeSetSummary, 'message' | 'undoes' | 'restores'>): string {
  const rollback =
    item.undoes !== undefined
      ? `undoes ${item.undoes}`
      : item.restores !== undefined
        ? `restores ${item.restores}`
        : '';
  if (/^(Undo|Restore) /.test(item.message)) return item.message;
  return [rollback, item.message].filter((part) => part !== '').join(': ');
}

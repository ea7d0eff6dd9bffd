import type { Command } from 'commander';
import type { ProxyList, ProxyStatus } from '#contracts/api/config.ts';
import { formatRevision } from '#contracts/revision.ts';
import { type Io, styleOf } from '../io.ts';
import { ageOf, count, milliseconds } from '../output/format.ts';
import { print } from '../output/print.ts';
import { problemsText } from '../output/problems.ts';
import { table } from '../output/table.ts';
import { type ServerOptions, configServer } from '../servers.ts';
import { type OutputOptions, addVerb, withOutput, withServer } from '../verb.ts';

export function addStatus(program: Command, io: Io): void {
  const command = addVerb(program, {
    usage: 'status',
    summary: 'list the proxies and the revision each has; stragglers first',
    examples: ['windrose status', 'windrose status -o json'],
  });
  withServer(withOutput(command)).action(async (options: ServerOptions & OutputOptions) => {
    const client = await configServer(io, options);
    const list = await client.get<ProxyList>('/v1/proxies');
    print(io, options.output, list, () => textOf(io, list));
  });
}

function textOf(io: Io, list: ProxyList): string {
  const up = list.items.filter((item) => item.state === 'up');
  const whole = (item: ProxyStatus): boolean => (item.receipt?.result ?? 'applied') === 'applied';
  const current = up.filter((item) => item.behind === 0 && whole(item));
  const slow = up.filter((item) => item.behind > 0).length;
  const gone = list.items.filter((item) => item.state === 'gone').length;
  const head =
    `head is revision ${list.revision}; ` +
    `${current.length} of ${count(up.length, 'proxy', 'proxies')} up to date` +
    (slow === 0 ? '' : `; ${slow} behind`) +
    (gone === 0 ? '' : `; ${gone} gone`);
  if (list.items.length === 0) return `head is revision ${list.revision}; there are no proxies`;
  const style = styleOf(io, io.out);
  const troubles = list.items.flatMap(({ proxy, receipt, withheld }) => {
    const told: string[] = [];
    if (receipt !== undefined && receipt.problems.length > 0) {
      const problems = problemsText(receipt.problems, style);
      told.push(`\n${style.bold(proxy)}: ${receipt.result}\n${problems}`);
    }
    if (withheld !== undefined) {
      told.push(`\n${style.bold(proxy)}: endpoint ${withheld.reason}: ${withheld.message}`);
    }
    return told;
  });
  return [head, '', tableOf(io, list.items), ...troubles].join('\n');
}

function tableOf(io: Io, items: readonly ProxyStatus[]): string {
  const style = styleOf(io, io.out);
  const nowMs = io.wallMs();
  const ok = (item: ProxyStatus): boolean => item.state === 'up' && item.behind === 0;
  return table<ProxyStatus>(
    [
      { title: 'PROXY', value: (item) => item.proxy },
      { title: 'ROLE', value: (item) => item.heartbeat.role },
      {
        title: 'STATE',
        value: (item) => item.state,
        paint: (text, item) => (ok(item) ? style.green(text) : style.yellow(text)),
      },
      { title: 'WORKLOAD', value: (item) => item.heartbeat.workload },
      { title: 'VERSION', value: (item) => item.heartbeat.version },
      { title: 'REVISION', value: (item) => formatRevision(item.heartbeat.revision) },
      { title: 'BEHIND', value: (item) => behindText(item, nowMs), align: 'right' },
      { title: 'LAST RECEIPT', value: receiptText },
      { title: 'SEEN', value: (item) => ageOf(item.lastSeen, nowMs), align: 'right' },
    ],
    items,
  );
}

/** `2 for 40s`: a proxy that is slow, which is up, is told from one that is gone by its state. */
function behindText({ behind, behindSince, state }: ProxyStatus, nowMs: number): string {
  const isLate = state === 'up' || state === 'draining';
  if (behindSince === undefined || !isLate) return String(behind);
  return `${behind} for ${ageOf(behindSince, nowMs)}`;
}

function receiptText(item: ProxyStatus): string {
  const { receipt } = item;
  if (receipt === undefined) return '';
  const revision = formatRevision(receipt.revision);
  const problems = receipt.problems.length;
  const trouble = problems === 0 ? '' : `, ${count(problems, 'problem')}`;
  return `${receipt.result} ${revision} after ${milliseconds(receipt.lagMs)}${trouble}`;
}

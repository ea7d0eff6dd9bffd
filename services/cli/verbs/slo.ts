import type { Command } from 'commander';
import type { Alert, AlertList, SloList, SloStatus } from '#contracts/api/alerting.ts';
import { type Io, styleOf } from '../io.ts';
import { age, ageOf, percent } from '../output/format.ts';
import { print } from '../output/print.ts';
import { table } from '../output/table.ts';
import { type ServerOptions, otherServer } from '../servers.ts';
import { type OutputOptions, addVerb, withOutput, withServer } from '../verb.ts';
import { addSloHistory } from './slo-history.ts';
import { addSloTest } from './slo-test.ts';

export function addSlo(program: Command, io: Io): void {
  const command = addVerb(program, {
    usage: 'slo',
    summary: 'objectives, what is left of their budgets, burn rates and alerts',
    examples: [
      'windrose slo',
      'windrose slo history shop/payments --since 30d',
      'windrose slo test -f slo.yaml --since 7d',
    ],
  }).enablePositionalOptions();
  withServer(withOutput(command)).action(async (options: ServerOptions & OutputOptions) => {
    const client = await otherServer(io, options, 'alerting');
    const [slos, alerts] = await Promise.all([
      client.get<SloList>('/v1/slos'),
      client.get<AlertList>('/v1/alerts'),
    ]);
    const value = { slos: slos.items, alerts: alerts.items };
    print(io, options.output, value, () => textOf(io, slos.items, alerts.items));
  });
  addSloHistory(command, io);
  addSloTest(command, io);
}

function textOf(io: Io, slos: readonly SloStatus[], alerts: readonly Alert[]): string {
  if (slos.length === 0) return 'there are no SLOs; apply a resource of kind SLO';
  const parts = [sloTable(io, slos)];
  if (alerts.length > 0) parts.push(alertTable(io, alerts));
  return parts.join('\n\n');
}

function sloTable(io: Io, slos: readonly SloStatus[]): string {
  const style = styleOf(io, io.out);
  return table<SloStatus>(
    [
      { title: 'SLO', value: (slo) => slo.slo },
      { title: 'SERVICE', value: (slo) => slo.service },
      { title: 'TARGET', value: (slo) => percent(slo.target, 2), align: 'right' },
      {
        title: 'GOOD',
        value: (slo) => (slo.ratio === undefined ? 'no traffic' : percent(slo.ratio, 2)),
        align: 'right',
      },
      { title: 'BUDGET LEFT', value: budgetText, align: 'right' },
      { title: 'BURN RATES', value: burnText },
      {
        title: 'STATE',
        value: (slo) => slo.state.replace('_', ' '),
        paint: (text, { state }) => {
          if (state === 'firing') return style.red(text);
          return state === 'ok' ? style.green(text) : style.yellow(text);
        },
      },
    ],
    slos,
  );
}

/** With how long it lasts as it burns now, where it would not last for its window. */
function budgetText({ budgetLeft, exhaustedInMs, windowMs }: SloStatus): string {
  const left = percent(budgetLeft);
  if (exhaustedInMs === undefined || exhaustedInMs >= windowMs || budgetLeft <= 0) return left;
  return `${left}, for ${age(0, exhaustedInMs)}`;
}

function burnText(slo: SloStatus): string {
  return slo.burnRates
    .map((burn) => `${burn.condition} ${burn.rate.toFixed(1)} of ${burn.threshold}`)
    .join(', ');
}

function alertTable(io: Io, alerts: readonly Alert[]): string {
  const style = styleOf(io, io.out);
  const nowMs = io.wallMs();
  return table<Alert>(
    [
      {
        title: 'ALERT',
        value: (alert) => alert.state,
        paint: (text, alert) => (alert.state === 'firing' ? style.red(text) : style.green(text)),
      },
      { title: 'SEVERITY', value: (alert) => alert.severity },
      { title: 'SINCE', value: (alert) => ageOf(alert.resolvedAt ?? alert.startedAt, nowMs) },
      { title: 'SUMMARY', value: (alert) => alert.summary },
    ],
    alerts,
  );
}

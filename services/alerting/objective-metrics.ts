import { Gauge, type Registry } from 'prom-client';
import type { SloStatus } from '#contracts/api/alerting.ts';

const STATES: readonly SloStatus['state'][] = ['ok', 'pending', 'firing', 'no_traffic', 'no_data'];

/**
 * Each objective as its last evaluation found it, for boards of Prometheus: `slo` is
 * `namespace/name`. Read when somebody scrapes; an objective that is gone has no series any more.
 */
export function exportObjectives(registry: Registry, statuses: () => readonly SloStatus[]): void {
  const each = <Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    set: (status: SloStatus, gauge: Gauge<Label | 'slo'>) => void,
  ): Gauge<Label | 'slo'> =>
    new Gauge<Label | 'slo'>({
      name: `windrose_alerting_${name}`,
      help,
      labelNames: ['slo', ...labelNames],
      registers: [registry],
      collect() {
        this.reset();
        for (const status of statuses()) set(status, this);
      },
    });
  each('objective_target', 'Share of good requests or slices that is promised', [], (one, gauge) =>
    gauge.set({ slo: one.slo }, one.target),
  );
  each(
    'objective_good_ratio',
    'Share of good ones in the window; none without any',
    [],
    (one, to) => {
      if (one.ratio !== undefined) to.set({ slo: one.slo }, one.ratio);
    },
  );
  each(
    'objective_budget_left',
    'Share of the error budget left; negative beyond it',
    [],
    (one, to) => to.set({ slo: one.slo }, one.budgetLeft),
  );
  each(
    'objective_exhausted_seconds',
    'How long the budget lasts as it burns now; none while it does not burn',
    [],
    (one, to) => {
      if (one.exhaustedInMs !== undefined) to.set({ slo: one.slo }, one.exhaustedInMs / 1_000);
    },
  );
  each('objective_state', '1 for the state it is in', ['state'], ({ slo, state }, to) => {
    for (const each of STATES) to.set({ slo, state: each }, each === state ? 1 : 0);
  });
  const burnLabels = ['policy', 'condition'] as const;
  each(
    'burn_rate',
    'Burn rate in the window of a condition',
    burnLabels,
    ({ slo, burnRates }, to) => {
      for (const { policy, condition, rate } of burnRates) to.set({ slo, policy, condition }, rate);
    },
  );
  each('burn_rate_threshold', 'Burn rate that a condition is about', burnLabels, (one, to) => {
    for (const { policy, condition, threshold } of one.burnRates) {
      to.set({ slo: one.slo, policy, condition }, threshold);
    }
  });
}

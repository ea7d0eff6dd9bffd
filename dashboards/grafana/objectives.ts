/** Board *Objectives*: budgets, burn rates and alerting itself, from what alerting exports. */
import type { Board, Panel, Row } from './model.ts';

const SLO = 'slo=~"$slo"';
const of = (series: string): string => `max by (slo) (${series}{${SLO}})`;

const now: Panel[] = [
  {
    kind: 'stat',
    title: 'Alerts firing',
    description: 'Alerts of all objectives that fire now, whichever are chosen.',
    width: 6,
    height: 4,
    unit: 'none',
    thresholds: { amber: 1, red: 1 },
    queries: [{ promql: 'max(windrose_alerting_alerts_firing)' }],
  },
  {
    kind: 'stat',
    title: 'Budgets used up',
    description: 'Objectives with nothing left of their error budgets.',
    width: 6,
    height: 4,
    unit: 'none',
    thresholds: { amber: 1, red: 3 },
    queries: [
      { promql: `count(${of('windrose_alerting_objective_budget_left')} <= 0) or vector(0)` },
    ],
  },
  {
    kind: 'stat',
    title: 'Without data',
    description: 'Objectives that nobody knows about, since nothing recent has come in.',
    width: 6,
    height: 4,
    unit: 'none',
    thresholds: { amber: 1, red: 1 },
    queries: [
      {
        promql:
          `count(max by (slo) (windrose_alerting_objective_state{state="no_data",${SLO}}) == 1)` +
          ' or vector(0)',
      },
    ],
  },
  {
    kind: 'stat',
    title: 'Age of the data',
    description: 'Of the newest step that is complete; objectives are evaluated up to it.',
    width: 6,
    height: 4,
    unit: 's',
    thresholds: { amber: 60, red: 120 },
    queries: [{ promql: 'max(windrose_alerting_data_age_seconds)' }],
  },
  {
    kind: 'table',
    title: 'Objectives',
    description:
      'Good share and budget over the window of each. Left below 0 is overdrawn; lasts is how ' +
      'long the rest does as it burns now. `windrose slo` shows the same.',
    width: 24,
    height: 9,
    units: { Target: 'percentunit', Good: 'percentunit', Left: 'percentunit', Lasts: 's' },
    columns: {
      slo: 'Objective',
      state: 'State',
      'Value #A': 'Target',
      'Value #B': 'Good',
      'Value #C': 'Left',
      'Value #D': 'Lasts',
    },
    hidden: ['Value #E'],
    queries: [
      { refId: 'A', promql: of('windrose_alerting_objective_target') },
      { refId: 'B', promql: of('windrose_alerting_objective_good_ratio') },
      { refId: 'C', promql: of('windrose_alerting_objective_budget_left') },
      { refId: 'D', promql: of('windrose_alerting_objective_exhausted_seconds') },
      {
        refId: 'E',
        promql: `max by (slo, state) (windrose_alerting_objective_state{${SLO}}) == 1`,
      },
    ],
  },
];

const budgets: Panel[] = [
  {
    kind: 'timeseries',
    title: 'Budget left',
    description: 'Share of the error budget of the window that is left; below 0 it is overdrawn.',
    width: 12,
    height: 9,
    unit: 'percentunit',
    signed: true,
    queries: [{ promql: of('windrose_alerting_objective_budget_left'), legend: '{{slo}}' }],
  },
  {
    kind: 'timeseries',
    title: 'Good share',
    description: 'Of the window of each objective; its target is in the table.',
    width: 12,
    height: 9,
    unit: 'percentunit',
    queries: [{ promql: of('windrose_alerting_objective_good_ratio'), legend: '{{slo}}' }],
  },
  {
    kind: 'timeseries',
    title: 'Burn rates',
    description: '1 uses the budget up exactly at the end of the window; by the policy’s windows.',
    width: 12,
    height: 9,
    unit: 'none',
    queries: [
      {
        promql: `max by (slo, policy, condition) (windrose_alerting_burn_rate{${SLO}})`,
        legend: '{{slo}} {{policy}} {{condition}}',
      },
    ],
  },
  {
    kind: 'timeseries',
    title: 'Burn rates by their thresholds',
    description: 'A policy fires when every window of it is at 100 % or more.',
    width: 12,
    height: 9,
    unit: 'percentunit',
    queries: [
      {
        promql:
          `max by (slo, policy, condition) (windrose_alerting_burn_rate{${SLO}})` +
          ` / max by (slo, policy, condition) (windrose_alerting_burn_rate_threshold{${SLO}})`,
        legend: '{{slo}} {{policy}} {{condition}}',
      },
    ],
  },
];

const alerting: Panel[] = [
  {
    kind: 'timeseries',
    title: 'Evaluations per second',
    description: 'By their result; in all but done and no_data every alert stays as it is.',
    width: 8,
    height: 8,
    unit: 'cps',
    queries: [
      {
        promql: 'sum by (result) (rate(windrose_alerting_evaluations_total[$__rate_interval]))',
        legend: '{{result}}',
      },
    ],
  },
  {
    kind: 'timeseries',
    title: 'Duration of an evaluation',
    description: 'p99 of evaluating all objectives at once; they are evaluated every 10 s.',
    width: 8,
    height: 8,
    unit: 's',
    queries: [
      {
        promql:
          'histogram_quantile(0.99, sum by (le) ' +
          '(rate(windrose_alerting_evaluation_seconds_bucket[$__rate_interval])))',
        legend: 'p99',
      },
    ],
  },
  {
    kind: 'timeseries',
    title: 'Notifications',
    description: 'Tries per second by target and result, and how many wait in the outbox.',
    width: 8,
    height: 8,
    unit: 'short',
    queries: [
      {
        refId: 'A',
        promql:
          'sum by (target, result) ' +
          '(rate(windrose_alerting_notifications_total[$__rate_interval]))',
        legend: '{{target}} {{result}}',
      },
      {
        refId: 'B',
        promql: 'max(windrose_alerting_notifications_pending)',
        legend: 'waiting',
      },
    ],
  },
];

const rows: Row[] = [
  { title: 'Now', panels: now },
  { title: 'Budgets and burn rates', panels: budgets },
  { title: 'Alerting itself', panels: alerting },
];

export const OBJECTIVES: Board = {
  uid: 'windrose-objectives',
  title: 'Objectives',
  description: 'SLOs, what is left of their budgets, how fast they burn, and who evaluates them.',
  variables: [
    {
      kind: 'labels',
      name: 'slo',
      label: 'Objective',
      description: 'namespace/name of SLOs',
      series: 'windrose_alerting_objective_target',
      of: 'slo',
    },
  ],
  rows,
};

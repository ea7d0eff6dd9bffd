import { describe, expect, test } from 'vitest';
import { readResource } from '#contracts/resources/read.ts';
import {
  DEFAULT_POLICIES,
  objectiveOf,
  unknownTargets,
} from '../../../services/alerting/objective.ts';
import { type SloSettings, policy, slo, sloDocument } from './fixtures.ts';

describe('an SLO', () => {
  test('becomes an objective in milliseconds', () => {
    expect(objectiveOf(slo())).toEqual({
      slo: 'shop/payments',
      service: 'payments',
      displayName: 'Payments answer',
      target: 0.99,
      window: { by: 'rolling', lengthMs: 30 * 86_400_000 },
      selector: { by: 'service', service: 'shop/payments' },
      good: { by: 'class', classes: ['1xx', '2xx', '3xx', '4xx'] },
      policies: [
        {
          name: 'burn',
          severity: 'page',
          conditions: [
            { name: 'long', op: 'gte', threshold: 10, windowMs: 60_000 },
            { name: 'short', op: 'gte', threshold: 10, windowMs: 20_000 },
          ],
          targets: ['oncall'],
          whenBreaching: true,
          whenResolved: true,
        },
      ],
    });
  });

  test('selects a route or an edge as well', () => {
    const route = objectiveOf(slo({ selector: { route: 'shop/storefront' } }));
    expect(route.selector).toEqual({ by: 'route', route: 'shop/storefront' });
    const ends = { source: 'shop/orders', destination: 'shop/payments' };
    expect(objectiveOf(slo({ selector: ends })).selector).toEqual({ by: 'edge', ...ends });
  });

  test('without policies gets the two pairs of windows of the SRE Workbook', () => {
    const { policies } = objectiveOf(slo({ policies: undefined }));
    expect(policies).toBe(DEFAULT_POLICIES);
    expect(
      policies.map(({ severity, conditions }) => [
        severity,
        conditions.map(({ threshold, windowMs }) => [threshold, windowMs / 60_000]),
      ]),
    ).toEqual([
      [
        'page',
        [
          [14.4, 60],
          [14.4, 5],
        ],
      ],
      [
        'ticket',
        [
          [6, 360],
          [6, 30],
        ],
      ],
    ]);
  });

  test('over a threshold counts what is fast enough', () => {
    const selector = { consumer: 'shop/ann' };
    expect(objectiveOf(slo({ selector, threshold: { op: 'lte', value: 250 } }))).toMatchObject({
      selector: { by: 'consumer', consumer: 'shop/ann' },
      good: { by: 'duration', atMostUs: 250_000 },
    });
    const threshold = { op: 'lt', value: 0.5, statusClasses: ['2xx'] };
    expect(objectiveOf(slo({ threshold })).good).toEqual({
      ...{ by: 'duration', atMostUs: 500, of: ['2xx'] },
    });
  });

  test('has a window of the calendar, and slices of time', () => {
    const calendar = { startTime: '2026-01-01 00:00:00', timeZone: 'Europe/Berlin' };
    const slices = { timeSliceTarget: 0.95, timeSliceWindow: '1m' };
    const method = 'Timeslices';
    const policies = [policy(10, ['5m', '1m'])];
    const settings = { calendar, timeWindow: '3M', slices, method, policies };
    expect(objectiveOf(slo(settings))).toMatchObject({
      window: { by: 'calendar', count: 3, unit: 'M', ...calendar },
      slices: { lengthMs: 60_000, goodFrom: 0.95 },
    });
    const shared = { method: 'RatioTimeslices', slices: { timeSliceWindow: 5 } };
    const objective = objectiveOf(slo({ ...shared, policies: [policy(10, ['1h', '5m'])] }));
    expect(objective.slices).toEqual({ lengthMs: 300_000 });
  });

  test('without any policy alerts nobody', () => {
    expect(objectiveOf(slo({ policies: [] })).policies).toEqual([]);
  });

  test('says which of its webhooks nobody knows', () => {
    const objective = objectiveOf(slo());
    expect(unknownTargets(objective, new Set(['oncall']))).toEqual([]);
    expect(unknownTargets(objective, new Set(['chat']))).toEqual([
      'policy burn notifies oncall, but no --webhook has that name',
    ]);
  });
});

describe('an SLO that could not be evaluated is refused', () => {
  const problemsOf = (settings: SloSettings) => {
    const result = readResource(sloDocument(settings), 'test');
    return result.ok ? [] : result.problems.map(({ path, message }) => `${path}: ${message}`);
  };

  test('a window shorter than the step of the data, or none of its multiples', () => {
    const path = (n: number) =>
      `spec.alertPolicies[0].spec.conditions[${n}].spec.condition.lookbackWindow`;
    expect(problemsOf({ policies: [policy(10, ['5s', '15s'])] })).toEqual([
      `${path(0)}: 5s is no multiple of 10s, the step of the data`,
      `${path(1)}: 15s is no multiple of 10s, the step of the data`,
    ]);
  });

  const berlin = { startTime: '2026-01-01 00:00:00', timeZone: 'Europe/Berlin' };
  const WINDOW = 'spec.timeWindow[0]';
  const OBJECTIVE = 'spec.objectives[0]';
  test.each<[SloSettings, string]>([
    [{ timeWindow: '1M' }, `${WINDOW}.duration: a rolling window is so many s, m, h, d or w long`],
    [
      { timeWindow: '1m', calendar: berlin },
      `${WINDOW}.duration: a window of a calendar is so many h, d, w, M, Q or Y long`,
    ],
    [
      { timeWindow: '1M', calendar: { ...berlin, timeZone: 'Europe/Bern-' } },
      `${WINDOW}.calendar.timeZone: there is no time zone Europe/Bern-`,
    ],
    [
      { timeWindow: '1M', calendar: { ...berlin, startTime: '2026-02-30 00:00:00' } },
      `${WINDOW}.calendar.startTime: there is no time 2026-02-30 00:00:00`,
    ],
    [
      { slices: { timeSliceWindow: 5 } },
      `${OBJECTIVE}.timeSliceWindow: the budgeting method Occurrences has no timeSliceWindow`,
    ],
    [
      { method: 'Timeslices', slices: { timeSliceWindow: 5 } },
      `${OBJECTIVE}.timeSliceTarget: the budgeting method Timeslices needs timeSliceTarget`,
    ],
    [
      { method: 'RatioTimeslices', slices: { timeSliceWindow: '90s' }, policies: [] },
      `${OBJECTIVE}.timeSliceWindow: a slice of time is a number of whole minutes, ` +
        'and at most a day',
    ],
    [
      { method: 'RatioTimeslices', slices: { timeSliceWindow: 10 }, policies: undefined },
      'spec.alertPolicies: by default alerts look back 5m, which is no multiple of 600s',
    ],
    [
      {
        ...{ method: 'RatioTimeslices', slices: { timeSliceWindow: 10 } },
        policies: [policy(2, ['15m'])],
      },
      'spec.alertPolicies[0].spec.conditions[0].spec.condition.lookbackWindow: ' +
        '15m is no multiple of 600s, the slice of time',
    ],
  ])('windows and slices that do not fit: %j', (settings, problem) => {
    expect(problemsOf(settings)).toEqual([problem]);
  });

  test('a window that neither rolls nor has a calendar', () => {
    const document = sloDocument() as { spec: { timeWindow: object[] } };
    document.spec.timeWindow = [{ duration: '1M', isRolling: false }];
    const read = readResource(document, 'test');
    expect(read).toMatchObject({ problems: [{ path: 'spec.timeWindow[0].calendar' }] });
    document.spec.timeWindow = [{ duration: '1h', isRolling: true, calendar: berlin }];
    expect(readResource(document, 'test')).toMatchObject({
      problems: [{ message: 'a rolling window has no calendar' }],
    });
  });

  test.each([
    { selector: {} },
    { selector: { service: 'shop/a', route: 'shop/b' } },
    { selector: { source: 'shop/a' } },
  ])('requests selected by $selector', ({ selector }) => {
    expect(problemsOf({ selector: selector as unknown as Record<string, string> })).toEqual([
      'spec.indicator.spec.ratioMetric.total.metricSource.spec: requests are selected by ' +
        'exactly one of service, route, consumer, or source with destination',
    ]);
  });

  test('a threshold without its limit, and a limit without a threshold', () => {
    expect(problemsOf({ threshold: { op: 'lte' } })).toEqual([
      'spec.objectives[0].value: a thresholdMetric needs op and value: how long a good request ' +
        'takes, in milliseconds',
    ]);
    const document = sloDocument() as {
      spec: { indicator: { spec: object }; objectives: object[] };
    };
    document.spec.objectives = [{ target: 0.9, op: 'lt', value: 1 }];
    const told = (): string[] => {
      const result = readResource(document, 'test');
      return result.ok ? [] : result.problems.map(({ path, message }) => `${path}: ${message}`);
    };
    expect(told()).toEqual([
      'spec.objectives[0].op: only a thresholdMetric has a threshold',
      'spec.objectives[0].value: only a thresholdMetric has a threshold',
    ]);
    document.spec.indicator.spec = {};
    expect(told()).toEqual([
      'spec.indicator.spec: an indicator is either a ratioMetric or a thresholdMetric',
    ]);
  });

  test('two policies of one name, and two severities in one', () => {
    const mixed = policy(10, ['1m', '20s']) as {
      spec: { conditions: { spec: { severity: string } }[] };
    };
    const second = mixed.spec.conditions[1];
    if (second !== undefined) second.spec.severity = 'ticket';
    expect(problemsOf({ policies: [policy(10, ['1m']), mixed] })).toEqual([
      'spec.alertPolicies[1].metadata.name: another policy of this SLO is called burn',
      'spec.alertPolicies[1].spec.conditions[1].spec.severity: the conditions of one policy ' +
        'make one alert: they have the same severity',
    ]);
  });
});

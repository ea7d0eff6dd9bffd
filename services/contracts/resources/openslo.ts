/**
 * OpenSLO v1 (github.com/OpenSLO/OpenSLO): an objective over what Windrose measures. A metric
 * source of type `Windrose` names requests by service, route, edge or consumer. In a ratio `good`
 * narrows them by status class; with a threshold those are good whose duration is below `value`
 * milliseconds. Alert policies stand inline; the conditions of one policy must all hold, which is
 * how a long and a short burn-rate window are paired.
 */
import type { Static } from 'typebox';
import { SERVICE_NAME } from '../names.ts';
import { WINDOW } from '../duration.ts';
import { NamespacedMetadata, Subdomain, oneOf, strict } from './schema.ts';
import { Type } from './type.ts';

const Window = Type.String({ pattern: WINDOW, description: 'such as 30s, 5m, 1h, 30d, 4w' });
const ServiceText = Type.String({ pattern: SERVICE_NAME, description: 'namespace/name' });
const ConsumerText = Type.String({ pattern: SERVICE_NAME, description: 'namespace/name' });
const InlineMetadata = strict({ name: Subdomain, displayName: Type.Optional(Type.String()) });

export const STATUS_CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx', 'none'] as const;

/** Requests, selected by exactly one of service, route, consumer, or source with destination. */
const RequestsSelector = {
  service: Type.Optional(ServiceText),
  route: Type.Optional(Type.String({ pattern: `${SERVICE_NAME.slice(0, -1)}.*$` })),
  consumer: Type.Optional(ConsumerText),
  source: Type.Optional(Type.String()),
  destination: Type.Optional(ServiceText),
};

const StatusClasses = Type.Array(oneOf([...STATUS_CLASSES]), { minItems: 1 });

export const AlertCondition = strict({
  kind: Type.Literal('AlertCondition'),
  metadata: InlineMetadata,
  spec: strict({
    severity: Type.String({ minLength: 1, maxLength: 63 }),
    condition: strict({
      kind: Type.Literal('burnrate'),
      op: oneOf(['gt', 'gte']),
      threshold: Type.Number({ exclusiveMinimum: 0 }),
      lookbackWindow: Window,
    }),
  }),
});

export const SLO = strict({
  apiVersion: Type.Literal('openslo/v1'),
  kind: Type.Literal('SLO'),
  metadata: NamespacedMetadata,
  spec: strict({
    description: Type.Optional(Type.String()),
    service: Type.String({ minLength: 1 }),
    indicator: strict({
      metadata: InlineMetadata,
      spec: strict({
        ratioMetric: Type.Optional(
          strict({
            counter: Type.Literal(true),
            good: strict({
              metricSource: strict({
                type: Type.Literal('Windrose'),
                spec: strict({ ...RequestsSelector, statusClasses: StatusClasses }),
              }),
            }),
            total: strict({
              metricSource: strict({
                type: Type.Literal('Windrose'),
                spec: strict(RequestsSelector),
              }),
            }),
          }),
        ),
        thresholdMetric: Type.Optional(
          strict({
            metricSource: strict({
              type: Type.Literal('Windrose'),
              /** Without status classes every request counts, whatever came of it. */
              spec: strict({
                ...RequestsSelector,
                statusClasses: Type.Optional(StatusClasses),
              }),
            }),
          }),
        ),
      }),
    }),
    timeWindow: Type.Array(
      strict({
        duration: Type.String({
          pattern: '^[1-9][0-9]{0,4}(s|m|h|d|w|M|Q|Y)$',
          description: 'such as 30d or 4w; of a calendar also 1M, 1Q, 1Y',
        }),
        isRolling: Type.Boolean(),
        calendar: Type.Optional(
          strict({
            startTime: Type.String({
              pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:00$',
              description: 'of the first window, on a clock of the time zone',
            }),
            timeZone: Type.String({ minLength: 1, description: 'such as Europe/Berlin' }),
          }),
        ),
      }),
      { minItems: 1, maxItems: 1 },
    ),
    /**
     * What a budget is made of: requests, slices of time that are good as a whole, or slices that
     * each count by their share of good requests.
     */
    budgetingMethod: oneOf(['Occurrences', 'Timeslices', 'RatioTimeslices']),
    objectives: Type.Array(
      strict({
        displayName: Type.Optional(Type.String()),
        target: Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 }),
        op: Type.Optional(oneOf(['lt', 'lte'])),
        value: Type.Optional(
          Type.Number({ exclusiveMinimum: 0, description: 'of a threshold: milliseconds' }),
        ),
        timeSliceTarget: Type.Optional(
          Type.Number({
            ...{ exclusiveMinimum: 0, maximum: 1 },
            description: 'share of good requests that makes a slice good',
          }),
        ),
        timeSliceWindow: Type.Optional(
          Type.Union([Type.Integer({ minimum: 1, maximum: 1_440 }), Window], {
            description: 'whole minutes, at most a day: a number of minutes, or such as 5m',
          }),
        ),
      }),
      { minItems: 1, maxItems: 1 },
    ),
    alertPolicies: Type.Optional(
      Type.Array(
        strict({
          kind: Type.Literal('AlertPolicy'),
          metadata: InlineMetadata,
          spec: strict({
            alertWhenBreaching: Type.Optional(Type.Boolean()),
            alertWhenResolved: Type.Optional(Type.Boolean()),
            conditions: Type.Array(AlertCondition, { minItems: 1, maxItems: 2 }),
            notificationTargets: Type.Array(
              strict({
                kind: Type.Literal('AlertNotificationTarget'),
                metadata: InlineMetadata,
                spec: strict({
                  target: Type.String({
                    minLength: 1,
                    description: 'a name that the alerting service knows',
                  }),
                }),
              }),
              { minItems: 1, maxItems: 8 },
            ),
          }),
        }),
        { maxItems: 8 },
      ),
    ),
  }),
});
export type SLO = Static<typeof SLO>;

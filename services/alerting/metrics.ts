import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface AlertingMetrics {
  /** `result`: done, no_config, no_data, failed. */
  evaluations: Counter<'result'>;
  evaluationSeconds: Histogram;
  /** Age of the newest complete rollup step at the last evaluation. */
  dataAgeSeconds: Gauge;
  objectives: Gauge;
  firing: Gauge;
  outbox: Gauge;
  notifications: Counter<'target' | 'result'>;
}

export function createMetrics(
  registry: Registry,
  now: () => { firing: number; outbox: number },
): AlertingMetrics {
  const registers = [registry];
  return {
    evaluations: new Counter({
      name: 'windrose_alerting_evaluations_total',
      help: 'Evaluations of all objectives by result; in all but done every alert stays as it is',
      labelNames: ['result'],
      registers,
    }),
    evaluationSeconds: new Histogram({
      name: 'windrose_alerting_evaluation_seconds',
      help: 'How long an evaluation of all objectives takes',
      buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 10],
      registers,
    }),
    dataAgeSeconds: new Gauge({
      name: 'windrose_alerting_data_age_seconds',
      help: 'Age of the newest complete rollup step at the last evaluation',
      registers,
    }),
    objectives: new Gauge({
      name: 'windrose_alerting_objectives',
      help: 'Objectives that are evaluated',
      registers,
    }),
    firing: new Gauge({
      name: 'windrose_alerting_alerts_firing',
      help: 'Alerts that fire',
      registers,
      collect() {
        this.set(now().firing);
      },
    }),
    outbox: new Gauge({
      name: 'windrose_alerting_notifications_pending',
      help: 'Notifications that no receiver has acknowledged yet',
      registers,
      collect() {
        this.set(now().outbox);
      },
    }),
    notifications: new Counter({
      name: 'windrose_alerting_notifications_total',
      help: 'Attempts to notify by webhook and result: delivered, failed, given_up',
      labelNames: ['target', 'result'],
      registers,
    }),
  };
}

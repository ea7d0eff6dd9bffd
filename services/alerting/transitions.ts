/** From readings to alerts that begin or end, and what is said of it. Pure. */
import { type Reading, decide } from './decision.ts';
import type { Objective, Policy } from './objective.ts';
import {
  ALERTMANAGER,
  type AlertingState,
  type StoredAlert,
  type Transition,
  alertId,
  firingAlert,
} from './state.ts';
import {
  REMOVED_SUMMARY,
  burnRatesOf,
  firingSummary,
  notificationOf,
  resolvedSummary,
} from './view.ts';

export interface Moment {
  mesh: string;
  state: AlertingState;
  /** RFC 3339. */
  time: string;
  /** Names of the notification targets that exist. */
  webhooks: ReadonlySet<string>;
}

/** What becomes of the alert of one policy; undefined when it stays as it is. */
export function transitionOf(
  moment: Moment,
  objective: Objective,
  policy: Policy,
  readings: readonly Reading[],
): Transition | undefined {
  const current = firingAlert(moment.state, objective.slo, policy.name);
  const decision = decide(current !== undefined, readings);
  if (decision === 'keep') return undefined;
  const alert =
    current === undefined
      ? fired(moment, objective, policy, readings)
      : ended(moment, current, resolvedSummary(objective, readings), policy.whenResolved);
  const wanted = current === undefined ? policy.whenBreaching : policy.whenResolved;
  return withNotification(moment, alert, wanted, burnRatesOf(policy, readings));
}

/** Ends the alerts whose SLO or policy is gone: nothing else would ever resolve them. */
export function removals(moment: Moment, objectives: readonly Objective[]): Transition[] {
  const known = new Set(
    objectives.flatMap(({ slo, policies }) => policies.map(({ name }) => `${slo}\0${name}`)),
  );
  return moment.state.alerts
    .filter((alert) => alert.state === 'firing' && !known.has(`${alert.slo}\0${alert.policy}`))
    .map((current) => {
      const summary = `${current.service}: "${current.objective.displayName}" ${REMOVED_SUMMARY}`;
      const alert = ended(moment, current, summary, current.whenResolved);
      return withNotification(moment, alert, current.whenResolved, []);
    });
}

function fired(
  moment: Moment,
  objective: Objective,
  policy: Policy,
  readings: readonly Reading[],
): StoredAlert {
  const { displayName, service, slo, target } = objective;
  const targets = [...new Set(policy.targets ?? moment.webhooks)];
  return {
    id: alertId(moment.mesh, slo, policy.name, moment.time),
    slo,
    service,
    policy: policy.name,
    severity: policy.severity,
    state: 'firing',
    startedAt: moment.time,
    summary: firingSummary(objective, readings),
    objective: { displayName, target },
    targets: targets
      .filter((name) => moment.webhooks.has(name))
      .filter((name) => policy.whenBreaching || name !== ALERTMANAGER),
    whenResolved: policy.whenResolved,
  };
}

function ended(
  moment: Moment,
  current: StoredAlert,
  summary: string,
  whenResolved: boolean,
): StoredAlert {
  return { ...current, state: 'resolved', resolvedAt: moment.time, summary, whenResolved };
}

function withNotification(
  moment: Moment,
  alert: StoredAlert,
  wanted: boolean,
  burnRates: ReturnType<typeof burnRatesOf>,
): Transition {
  return {
    alert,
    notification: wanted ? notificationOf(moment.mesh, alert, burnRates) : undefined,
  };
}

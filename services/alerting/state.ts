/** What alerting remembers: which alerts there are, and which notifications are still unsent. */
import { createHash } from 'node:crypto';
import type { Alert, AlertNotification } from '#contracts/api/alerting.ts';

export interface StoredAlert extends Alert {
  objective: AlertNotification['objective'];
  /** Webhooks that are told. */
  targets: string[];
  whenResolved: boolean;
}

/** A notification that its target has not acknowledged yet. */
export interface Pending {
  target: string;
  notification: AlertNotification;
}

export interface AlertingState {
  version: 1;
  mesh: string;
  /** Oldest first. */
  alerts: StoredAlert[];
  /** In the order of sending. */
  outbox: Pending[];
}

/** The notification target that is told by state, not by what waits in the outbox. */
export const ALERTMANAGER = 'alertmanager';

/** Resolved alerts are kept for people to look at; the oldest go first. */
export const RESOLVED_KEPT_MAX = 200;
/** Past this the oldest notification is given up, with an error in the log. */
export const OUTBOX_MAX = 1_000;

export function emptyState(mesh: string): AlertingState {
  return { version: 1, mesh, alerts: [], outbox: [] };
}

export function firingAlert(
  state: AlertingState,
  slo: string,
  policy: string,
): StoredAlert | undefined {
  return state.alerts.find(
    (alert) => alert.state === 'firing' && alert.slo === slo && alert.policy === policy,
  );
}

/** The same for the same start, so that nothing that is tried again makes a second alert. */
export function alertId(mesh: string, slo: string, policy: string, startedAt: string): string {
  const text = [mesh, slo, policy, startedAt].join('\0');
  return createHash('sha256').update(text).digest('hex').slice(0, 20);
}

export interface Transition {
  alert: StoredAlert;
  /** Told to each of the alert's targets; absent when the policy wants none. */
  notification: AlertNotification | undefined;
}

/** Adds a firing alert or replaces it by its resolved self; returns notifications given up. */
export function applyTransition(state: AlertingState, transition: Transition): Pending[] {
  const { alert, notification } = transition;
  const at = state.alerts.findIndex((other) => other.id === alert.id);
  if (at === -1) state.alerts.push(alert);
  else state.alerts[at] = alert;
  if (alert.state === 'resolved') {
    // A page for what is over helps nobody: an undelivered firing is superseded.
    state.outbox = state.outbox.filter((pending) => pending.notification.alert.id !== alert.id);
  }
  if (notification !== undefined) {
    const targets = alert.targets.filter((target) => target !== ALERTMANAGER);
    state.outbox.push(...targets.map((target) => ({ target, notification })));
  }
  dropOldResolved(state);
  return state.outbox.splice(0, Math.max(0, state.outbox.length - OUTBOX_MAX));
}

/** Removes a notification that its target has acknowledged. */
export function acknowledge(state: AlertingState, target: string, notificationId: string): void {
  state.outbox = state.outbox.filter(
    (pending) =>
      pending.target !== target || pending.notification.notificationId !== notificationId,
  );
}

function dropOldResolved(state: AlertingState): void {
  const resolved = state.alerts.filter((alert) => alert.state === 'resolved');
  const old = new Set(resolved.slice(0, Math.max(0, resolved.length - RESOLVED_KEPT_MAX)));
  if (old.size > 0) state.alerts = state.alerts.filter((alert) => !old.has(alert));
}

/** What the API and the webhooks show of an alert. */
export function publicAlert(stored: StoredAlert): Alert {
  const { objective: _objective, targets: _targets, whenResolved: _wanted, ...alert } = stored;
  return alert;
}

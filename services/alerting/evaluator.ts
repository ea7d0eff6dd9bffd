import { trace } from '@opentelemetry/api';
import type { SloStatus } from '#contracts/api/alerting.ts';
import type { Clock } from '#platform/clock.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import type { Counts } from './burn-rate.ts';
import { readPolicy } from './decision.ts';
import type { AlertingMetrics } from './metrics.ts';
import { type Objective, unknownTargets } from './objective.ts';
import { FINE_WINDOW_MAX_MS, type Query, readCounts, readProgress } from './rollup.ts';
import type { StateFile } from './state-file.ts';
import { type Transition, applyTransition } from './state.ts';
import { type Moment, removals, transitionOf } from './transitions.ts';
import { burnRatesOf, statusOf } from './view.ts';
import { watermarkOf } from './watermark.ts';

export interface EvaluatorOptions {
  mesh: string;
  query: Query;
  file: StateFile;
  /** Names of the webhooks that the bootstrap knows. */
  webhooks: ReadonlySet<string>;
  clock: Clock;
  log: Log;
  metrics: AlertingMetrics;
  /** Called when notifications were put into the outbox. */
  queued: () => void;
}

/** Budgets over long windows are read again only this often: they change slowly and read a lot. */
const BUDGET_REFRESH_MS = 60_000;

/**
 * Evaluates every objective at the data's watermark and moves alerts between firing and resolved.
 * Whatever cannot be read or written leaves every alert as it is.
 */
export class Evaluator {
  readonly #options: EvaluatorOptions;
  #budgets = new Map<string, { readAtMs: number; counts: Counts }>();
  #statuses: readonly SloStatus[] = [];
  #evaluations = 0;
  #problem: string | undefined = 'no evaluation has been made yet';

  constructor(options: EvaluatorOptions) {
    this.#options = options;
  }

  /** Evaluations that could be made. */
  get evaluations(): number {
    return this.#evaluations;
  }

  /** Of the last evaluation that could be made. */
  get statuses(): readonly SloStatus[] {
    return this.#statuses;
  }

  /** Why the last evaluation could not be made, in one sentence. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Never rejects: what keeps it from evaluating is logged, counted and `problem`. */
  async evaluate(objectives: readonly Objective[]): Promise<void> {
    const { log, metrics } = this.#options;
    const end = metrics.evaluationSeconds.startTimer();
    await trace.getTracer('windrose.alerting').startActiveSpan('evaluate', async (span) => {
      try {
        metrics.evaluations.inc({ result: await this.#evaluateAll(objectives) });
        if (this.#problem !== undefined) log.info('the objectives are evaluated');
        this.#problem = undefined;
        this.#evaluations++;
      } catch (error) {
        metrics.evaluations.inc({ result: 'failed' });
        const problem = `the objectives cannot be evaluated: ${sentenceOf(error)}`;
        if (problem !== this.#problem) log.error(problem);
        this.#problem = problem;
      } finally {
        span.end();
        end();
      }
    });
  }

  async #evaluateAll(objectives: readonly Objective[]): Promise<'done' | 'no_data'> {
    const { clock, file, mesh, metrics, query, webhooks } = this.#options;
    const nowMs = clock.wallMs();
    metrics.objectives.set(objectives.length);
    const untilMs = watermarkOf(await readProgress(query), nowMs);
    if (untilMs !== undefined) metrics.dataAgeSeconds.set((nowMs - untilMs) / 1_000);
    const moment = { mesh, state: file.current, time: timeText(nowMs), webhooks };
    const transitions = removals(moment, objectives);
    const statuses: Omit<SloStatus, 'state'>[] = [];
    for (const objective of objectives) {
      const evaluated = await this.#evaluateOne(objective, moment, untilMs, nowMs);
      transitions.push(...evaluated.transitions);
      statuses.push(evaluated.status);
    }
    await this.#commit(transitions);
    const firing = new Set(
      file.current.alerts.filter(({ state }) => state === 'firing').map(({ slo }) => slo),
    );
    this.#statuses = statuses.map((status) => ({
      ...status,
      state: firing.has(status.slo) ? 'firing' : 'ok',
    }));
    this.#forgetBudgets(objectives);
    return untilMs === undefined ? 'no_data' : 'done';
  }

  async #evaluateOne(
    objective: Objective,
    moment: Moment,
    untilMs: number | undefined,
    nowMs: number,
  ): Promise<{ status: Omit<SloStatus, 'state'>; transitions: Transition[] }> {
    const problems = unknownTargets(objective, moment.webhooks);
    if (untilMs === undefined) problems.push('no data has come in: alerts stay as they are');
    const counts =
      untilMs === undefined
        ? new Map<number, Counts>()
        : await this.#read(objective, untilMs, nowMs);
    const countsOf = (windowMs: number): Counts => counts.get(windowMs) ?? { good: 0, total: 0 };
    const transitions: Transition[] = [];
    const burnRates: SloStatus['burnRates'] = [];
    for (const policy of objective.policies) {
      const readings = readPolicy(policy, objective.target, countsOf);
      burnRates.push(...burnRatesOf(policy, readings));
      const transition =
        untilMs === undefined ? undefined : transitionOf(moment, objective, policy, readings);
      if (transition !== undefined) transitions.push(transition);
    }
    const status = statusOf({
      objective,
      counts: countsOf(objective.windowMs),
      burnRates,
      evaluatedAt: moment.time,
      dataUntil: untilMs === undefined ? undefined : timeText(untilMs),
      problems,
    });
    return { status, transitions };
  }

  /** Counts of every window of the objective's policies, and of its own. */
  async #read(objective: Objective, untilMs: number, nowMs: number): Promise<Map<number, Counts>> {
    const { goodClasses, policies, selector, windowMs } = objective;
    const key = budgetKey(objective);
    const known = this.#budgets.get(key);
    const fresh = known !== undefined && nowMs - known.readAtMs < BUDGET_REFRESH_MS;
    const windows = new Set(
      policies.flatMap(({ conditions }) => conditions.map((c) => c.windowMs)),
    );
    const readBudget = !fresh || windowMs <= FINE_WINDOW_MAX_MS || windows.has(windowMs);
    if (readBudget) windows.add(windowMs);
    const request = { selector, goodClasses, untilMs, windowsMs: [...windows] };
    const counts = await readCounts(this.#options.query, request);
    const budget = readBudget ? counts.get(windowMs) : known?.counts;
    if (budget !== undefined) {
      if (readBudget) this.#budgets.set(key, { readAtMs: nowMs, counts: budget });
      counts.set(windowMs, budget);
    }
    return counts;
  }

  #forgetBudgets(objectives: readonly Objective[]): void {
    const keys = new Set(objectives.map(budgetKey));
    this.#budgets = new Map([...this.#budgets].filter(([key]) => keys.has(key)));
  }

  async #commit(transitions: readonly Transition[]): Promise<void> {
    if (transitions.length === 0) return;
    const { file, log, metrics, queued } = this.#options;
    const givenUp = await file.update((draft) =>
      transitions.flatMap((transition) => applyTransition(draft, transition)),
    );
    for (const { alert } of transitions) {
      const { id, slo, policy, severity, state, summary } = alert;
      log.warn({ alert: id, slo, policy, severity, state }, summary);
    }
    for (const { target, notification } of givenUp) {
      metrics.notifications.inc({ target, result: 'given_up' });
      const { notificationId } = notification;
      log.error({ target, notificationId }, 'the outbox is full: a notification is given up');
    }
    queued();
  }
}

function budgetKey({ slo, windowMs, selector, goodClasses }: Objective): string {
  return JSON.stringify([slo, windowMs, selector, goodClasses]);
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}

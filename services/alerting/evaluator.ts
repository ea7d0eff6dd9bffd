import { trace } from '@opentelemetry/api';
import type { SloStatus } from '#contracts/api/alerting.ts';
import { evidenceOf } from '#contracts/health/rules.ts';
import type { Clock } from '#platform/clock.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import { windowAt } from './budget-window.ts';
import type { Counts } from './burn-rate.ts';
import { isPending, readPolicy } from './decision.ts';
import type { AlertingMetrics } from './metrics.ts';
import { type KeptDays, keptProblem } from './kept.ts';
import { type Objective, unknownTargets } from './objective.ts';
import { type CountsRequest, FINE_WINDOW_MAX_MS, type WindowCounts } from './rollup.ts';
import type { StateFile } from './state-file.ts';
import { type Transition, applyTransition } from './state.ts';
import { type Moment, removals, transitionOf } from './transitions.ts';
import { burnRatesOf, statusOf } from './view.ts';
import { type WorkerProgress, watermarkOf } from './watermark.ts';

export interface EvaluatorOptions {
  mesh: string;
  /** How far each worker's metrics are stored. */
  progress: () => Promise<WorkerProgress[]>;
  /** Requests in each window of each objective, in the order of the requests (rollup.ts). */
  counts: (requests: readonly CountsRequest[], untilMs: number) => Promise<WindowCounts[]>;
  /** How long rows are kept. */
  kept: () => Promise<KeptDays>;
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
  #kept: { readAtMs: number; days: KeptDays } | undefined;
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
    const { clock, file, mesh, metrics, progress, webhooks } = this.#options;
    const nowMs = clock.wallMs();
    metrics.objectives.set(objectives.length);
    const untilMs = watermarkOf(await progress(), nowMs);
    if (untilMs !== undefined) metrics.dataAgeSeconds.set((nowMs - untilMs) / 1_000);
    const moment = { mesh, state: file.current, time: timeText(nowMs), webhooks };
    const transitions = removals(moment, objectives);
    const counts = await this.#read(objectives, untilMs, nowMs);
    const kept = await this.#readKept(nowMs);
    const evaluated = objectives.map((objective) => {
      const windows = counts.get(objective) ?? new Map<number, Counts>();
      return evaluateOne(objective, { moment, untilMs, nowMs, windows, kept });
    });
    transitions.push(...evaluated.flatMap((each) => each.transitions));
    await this.#commit(transitions);
    const firing = new Set(
      file.current.alerts.filter(({ state }) => state === 'firing').map(({ slo }) => slo),
    );
    this.#statuses = evaluated.map(({ status, state }) => ({
      ...status,
      state: firing.has(status.slo) ? 'firing' : state,
    }));
    this.#forgetBudgets(objectives, untilMs ?? nowMs);
    return untilMs === undefined ? 'no_data' : 'done';
  }

  /** Counts of every window of the objectives' policies, and of their own. */
  async #read(
    objectives: readonly Objective[],
    untilMs: number | undefined,
    nowMs: number,
  ): Promise<Map<Objective, Map<number, Counts>>> {
    if (untilMs === undefined) return new Map();
    const requests = objectives.map((objective) => {
      const { good, policies, selector, slices } = objective;
      const windowMs = budgetMs(objective, untilMs);
      const known = this.#budgets.get(budgetKey(objective, untilMs));
      const isFresh = known !== undefined && nowMs - known.readAtMs < BUDGET_REFRESH_MS;
      const windows = new Set(
        policies.flatMap(({ conditions }) => conditions.map((c) => c.windowMs)),
      );
      if (!isFresh || windowMs <= FINE_WINDOW_MAX_MS) windows.add(windowMs);
      return { selector, good, windowsMs: [...windows], ...(slices && { slices }) };
    });
    const read = await this.#options.counts(requests, untilMs);
    return new Map(
      objectives.map((objective, i) => {
        const windowMs = budgetMs(objective, untilMs);
        const key = budgetKey(objective, untilMs);
        const counts = new Map(read[i]);
        const own = counts.get(windowMs);
        if (own !== undefined) this.#budgets.set(key, { readAtMs: nowMs, counts: own });
        counts.set(windowMs, own ?? this.#budgets.get(key)?.counts ?? { good: 0, total: 0 });
        return [objective, counts];
      }),
    );
  }

  async #readKept(nowMs: number): Promise<KeptDays> {
    if (this.#kept === undefined || nowMs - this.#kept.readAtMs >= BUDGET_REFRESH_MS) {
      this.#kept = { readAtMs: nowMs, days: await this.#options.kept() };
    }
    return this.#kept.days;
  }

  #forgetBudgets(objectives: readonly Objective[], untilMs: number): void {
    const keys = new Set(objectives.map((objective) => budgetKey(objective, untilMs)));
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

interface Evaluation {
  moment: Moment;
  /** Up to when the data is complete; undefined without any. */
  untilMs: number | undefined;
  nowMs: number;
  windows: ReadonlyMap<number, Counts>;
  kept: KeptDays;
}

interface Evaluated {
  status: Omit<SloStatus, 'state'>;
  /** Of an objective none of whose alerts fires. */
  state: SloStatus['state'];
  transitions: Transition[];
}

function evaluateOne(objective: Objective, evaluation: Evaluation): Evaluated {
  const { kept, moment, untilMs, nowMs, windows } = evaluation;
  const problems = unknownTargets(objective, moment.webhooks);
  const short = keptProblem(objective, kept, untilMs ?? nowMs);
  if (short !== undefined) problems.push(short);
  const countsOf = (windowMs: number): Counts => windows.get(windowMs) ?? { good: 0, total: 0 };
  const budget = countsOf(budgetMs(objective, untilMs ?? nowMs));
  const transitions: Transition[] = [];
  const burnRates: SloStatus['burnRates'] = [];
  let pending = false;
  let requests = budget.total;
  for (const policy of objective.policies) {
    const readings = readPolicy(policy, objective.target, countsOf);
    burnRates.push(...burnRatesOf(policy, readings));
    pending ||= isPending(readings);
    requests += readings.reduce((sum, { counts }) => sum + counts.total, 0);
    const transition =
      untilMs === undefined ? undefined : transitionOf(moment, objective, policy, readings);
    if (transition !== undefined) transitions.push(transition);
  }
  const silentSeconds = untilMs === undefined ? Infinity : (nowMs - untilMs) / 1_000;
  const evidence = evidenceOf({ silentSeconds, requests });
  if (evidence === 'no_data') problems.push('no data has come in: alerts stay as they are');
  const status = statusOf({
    objective,
    counts: budget,
    span: windowAt(objective.window, untilMs ?? nowMs),
    untilMs: untilMs ?? nowMs,
    burnRates,
    evaluatedAt: moment.time,
    dataUntil: untilMs === undefined ? undefined : timeText(untilMs),
    problems,
  });
  return { status, state: evidence ?? (pending ? 'pending' : 'ok'), transitions };
}

/** How much of the budget's window lies behind. */
function budgetMs({ window }: Objective, untilMs: number): number {
  return untilMs - windowAt(window, untilMs).startMs;
}

/** What a budget was read for: a window of the calendar that has begun is another one. */
function budgetKey({ good, selector, slices, slo, window }: Objective, untilMs: number): string {
  const begun = window.by === 'calendar' ? windowAt(window, untilMs).startMs : undefined;
  return JSON.stringify([slo, window, begun, selector, good, slices]);
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}

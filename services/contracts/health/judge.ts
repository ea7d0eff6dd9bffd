/** What the rules say of some facts, in a sentence with the numbers that decided. Pure. */
import {
  HEALTH_RULES,
  HEALTH_STATES,
  type HealthFacts,
  type HealthSettings,
  type HealthState,
  type Side,
  firstRule,
} from './rules.ts';

export interface Judgement {
  state: HealthState;
  /** Name of the rule that decided. */
  rule: string;
  message: string;
}

export function judge(facts: HealthFacts, side: Side, settings: HealthSettings): Judgement {
  const rule = firstRule(HEALTH_RULES, { ...facts }, settings);
  if (rule === undefined) throw new Error('the last rule of health has no conditions');
  const { name, state } = rule;
  const sentence = SENTENCES[name];
  if (sentence === undefined) throw new Error(`the rule ${name} has no sentence`);
  const message = `${stateText(state)}: ${sentence(facts, settings, side)}`;
  return { state, rule: name, message };
}

/** As people read it. */
export function stateText(state: HealthState): string {
  return state.replace('_', ' ');
}

/** Compares states: the worse comes first. */
export function byState(a: { state: HealthState }, b: { state: HealthState }): number {
  return HEALTH_STATES.indexOf(a.state) - HEALTH_STATES.indexOf(b.state);
}

type Sentence = (facts: HealthFacts, settings: HealthSettings, side: Side) => string;

/** What follows the state, by the name of the rule; a test holds it to the table of rules. */
const SENTENCES: Readonly<Record<string, Sentence>> = {
  silent: ({ silentSeconds }, settings) =>
    `no proxy that would tell of it was heard for ${span(silentSeconds)}; ` +
    `after ${span(settings.silentSeconds)} nobody knows`,
  idle: (_facts, settings, side) =>
    side === 'sent'
      ? `it lives, and neither called nor was called ${inLast(settings)}`
      : `proxies live, and nobody called ${inLast(settings)}`,
  few_requests: ({ requests, errors }, settings, side) =>
    `${count(requests)} ${callsOf(side)} ${inLast(settings)} decide nothing ` +
    `(${count(errors)} failed); ${settings.requestsMin} and more do`,
  unreached: (facts, settings, side) =>
    `${failed(facts, settings, side)} (at ${percent(settings.failingShare)} it fails), and its ` +
    `own proxies did not see ${percent(facts.unseenShare)} of the failures: ` +
    'refused, timed out, lost or injected on the way',
  errors: (facts, settings, side) =>
    `${failed(facts, settings, side)}; at ${percent(settings.failingShare)} and more it fails`,
  hidden_errors: ({ ownRequests, ownErrorShare }, settings) =>
    `${percent(ownErrorShare)} of the ${count(ownRequests)} tries that reached it failed ` +
    `${inLast(settings)}, and retries hid it from its callers; ` +
    `at ${percent(settings.failingShare)} and more it is degraded`,
  some_errors: (facts, settings, side) =>
    `${failed(facts, settings, side)}; ` +
    `at ${percent(settings.degradedShare)} and more it is degraded`,
  slow: ({ p99Ms, usualP99Ms, slowdown }, settings) =>
    `p99 of ${milliseconds(p99Ms)} ${inLast(settings)} is ${slowdown.toFixed(1)} times the ` +
    `usual ${milliseconds(usualP99Ms)}; at ${settings.slowFactor} times and more it is degraded`,
  well: (facts, settings, side) =>
    `${failed(facts, settings, side)}, p99 ${milliseconds(facts.p99Ms)}`,
};

function failed(facts: HealthFacts, settings: HealthSettings, side: Side): string {
  const { errorShare, requests } = facts;
  const seen = side === 'own' ? ', as its own proxies saw it' : '';
  const all = `${count(requests)} ${callsOf(side)}`;
  return `${percent(errorShare)} of ${all} failed ${inLast(settings)}${seen}`;
}

function callsOf(side: Side): string {
  return side === 'sent' ? 'calls that it made' : 'calls';
}

function inLast({ windowSeconds }: HealthSettings): string {
  return `in the last ${span(windowSeconds)}`;
}

function span(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7_200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3_600)} h`;
}

/** Never rounded up to a bound that it does not reach. */
function percent(share: number): string {
  const tenths = Math.floor(share * 1_000 + 1e-9) / 10;
  return share > 0 && tenths === 0 ? '<0.1 %' : `${tenths} %`;
}

function count(number: number): string {
  return String(number).replaceAll(/\B(?=(\d{3})+$)/g, ',');
}

function milliseconds(ms: number): string {
  return ms >= 100 ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`;
}

import type { GraphResponse } from '#contracts/api/analytics.ts';
import { type Judgement, byState, stateText } from '#contracts/health/judge.ts';
import { count } from './format.ts';
import { type Style, printable } from './style.ts';

export { stateText };

/** Sentences under a graph; beyond it their number is told. */
const SENTENCES_MAX = 20;

export function paintState(text: string, { state }: Judgement, style: Style): string {
  if (state === 'failing') return style.red(text);
  return state === 'healthy' ? style.green(text) : style.yellow(text);
}

/** What decided, without the state that it begins with. */
export function whyOf({ message }: Judgement): string {
  return message.slice(message.indexOf(': ') + 2);
}

/** Whether somebody should look. */
export function isTrouble({ state }: Judgement): boolean {
  return state !== 'healthy' && state !== 'no_traffic';
}

/**
 * What is to be said of a graph, the worst first: of services that are not well, and of edges that
 * are worse than the service that they lead to. Empty when all is well.
 */
export function troubles(graph: GraphResponse, style: Style): string[] {
  const ofNodes = new Map(
    graph.nodes.flatMap(({ health, name }) => (health === undefined ? [] : [[name, health]])),
  );
  const said = [
    ...[...ofNodes].map(([name, health]) => ({ name, health })),
    ...graph.edges.flatMap(({ destination, health, source }) => {
      const called = ofNodes.get(destination);
      const isWorse = health && (called === undefined || byState(health, called) < 0);
      return isWorse ? [{ name: `${source} → ${destination}`, health }] : [];
    }),
  ].filter(({ health }) => isTrouble(health));
  const lines = said
    .toSorted((a, b) => byState(a.health, b.health))
    .map(({ health, name }) => paintState(`${printable(name)} ${health.message}`, health, style));
  const more = lines.length - SENTENCES_MAX;
  if (more <= 0) return lines;
  return [...lines.slice(0, SENTENCES_MAX), `and ${count(more, 'more is', 'more are')} not well`];
}

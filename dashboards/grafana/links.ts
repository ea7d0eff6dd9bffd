/** Links from a cell of a table to another board. */
import type { Board, Link } from './model.ts';

/**
 * The address that a link leads to: the other board over the same time, with the cell's value in
 * its variable, and with what is chosen in the variables that both boards have.
 */
export function linkUrl(link: Link, from: Board, boards: readonly Board[]): string {
  const target = boards.find(({ uid }) => uid === link.board);
  if (target === undefined) throw new Error(`${from.title} links to no board: ${link.board}`);
  const names = new Set(target.variables.map(({ name }) => name));
  if (link.variable !== undefined && !names.has(link.variable)) {
    throw new Error(`${target.title} has no variable ${link.variable}`);
  }
  const kept = from.variables
    .filter(({ name }) => names.has(name) && name !== link.variable)
    .map(({ name }) => `\${${name}:queryparam}`);
  const chosen =
    link.variable === undefined ? [] : [`var-${link.variable}=\${__value.raw:percentencode}`];
  return `/d/${target.uid}?${[...chosen, ...kept, '${__url_time_range}'].join('&')}`;
}

export const TO_ROUTE: Link = { board: 'windrose-api-analytics', variable: 'route' };
export const TO_ROUTE_LATENCY: Link = { board: 'windrose-latency', variable: 'route' };
export const TO_CONSUMER: Link = { board: 'windrose-consumers', variable: 'consumer' };
export const TO_REQUESTS_OF_CONSUMER: Link = {
  board: 'windrose-api-analytics',
  variable: 'consumer',
};
export const TO_SERVICE: Link = { board: 'windrose-service', variable: 'service' };
export const TO_RESILIENCE: Link = { board: 'windrose-resilience', variable: 'service' };
export const TO_PROXY: Link = { board: 'windrose-pipeline-health', variable: 'proxy' };
export const TO_ROLLOUT: Link = { board: 'windrose-config-rollout' };

// What the tables of results have in common.
import { quantile } from './config/time.ts';

/** Of Markdown; a line is its cells with ` | ` between them. */
export function tableText(heads: readonly string[], lines: readonly string[]): string {
  const rule = heads.map(() => '---').join(' | ');
  return [heads.join(' | '), rule, ...lines].map((line) => `| ${line} |`).join('\n');
}

/** Median (least–most). */
export function spread(values: readonly number[], digits: number): string {
  const figures = [quantile(values, 0.5), Math.min(...values), Math.max(...values)];
  const [middle, least, most] = figures.map((figure) => figure.toFixed(digits));
  return `${middle} (${least}–${most})`;
}

import type { Figure } from './figures.ts';

const HEAD = `# What the drill measured

\`npm run drill -- faults\`, or a fault by its number, replaces the figures of the faults it ran.

| fault | what | figure | when and where |
| ----- | ---- | ------ | -------------- |
`;
const ROW = /^\| (F\d+) +\| /;

/** The results with these figures in the place of older ones of the same faults. */
export function newResults(before: string, figures: readonly Figure[], where: string): string {
  const fresh = new Set(figures.map(({ fault }) => fault));
  const kept = before.split('\n').filter((line) => {
    const fault = ROW.exec(line)?.[1];
    return fault !== undefined && !fresh.has(fault);
  });
  const added = figures.map(
    ({ fault, what, value }) => `| ${fault} | ${what} | ${value} | ${where} |`,
  );
  const faultOf = (line: string): string => ROW.exec(line)?.[1] ?? '';
  const rows = [...kept, ...added].sort((a, b) => faultOf(a).localeCompare(faultOf(b)));
  return `${HEAD}${rows.join('\n')}\n`;
}

import type { ResourceProblem } from '#contracts/problems.ts';
import { type Style, printable } from './style.ts';

/** Every problem on a line of its own, grouped by resource, paths aligned, hints below. */
export function problemsText(problems: readonly ResourceProblem[], style: Style): string {
  const lines: string[] = [];
  for (const [resource, own] of byResource(problems)) {
    lines.push(style.bold(printable(resource)));
    const width = Math.max(...own.map((problem) => problem.path.length));
    for (const problem of own) {
      const path = style.cyan(printable(problem.path).padEnd(width));
      const gap = width === 0 ? '' : '  ';
      lines.push(
        `  ${path}${gap}${printable(problem.message)} ${style.dim(`(${problem.reason})`)}`,
      );
      if (problem.hint !== undefined) {
        lines.push(
          `  ${' '.repeat(width)}${gap}${style.yellow(`hint: ${printable(problem.hint)}`)}`,
        );
      }
    }
  }
  return lines.join('\n');
}

function byResource(problems: readonly ResourceProblem[]): Map<string, ResourceProblem[]> {
  const groups = new Map<string, ResourceProblem[]>();
  for (const problem of problems) {
    const group = groups.get(problem.resource);
    if (group === undefined) groups.set(problem.resource, [problem]);
    else group.push(problem);
  }
  return groups;
}

import type { GraphResponse } from '#contracts/api/analytics.ts';
import { paintState, stateText } from './health.ts';
import { milliseconds, percent, rate } from './format.ts';
import { type Style, printable, widthOf } from './style.ts';

type Edge = GraphResponse['edges'][number];

interface Line {
  tree: string;
  edge?: Edge;
  note?: string;
}

/**
 * The call graph as a tree from those whom nobody calls. A service with several callers stands
 * under each of them, its own calls under the first only; a cycle ends where it closes.
 */
export function graphTree(graph: GraphResponse, style: Style): string {
  const lines: Line[] = [];
  const drawn = new Set<string>();
  const outgoing = Map.groupBy(graph.edges, (edge) => edge.source);

  const draw = (name: string, indent: string): void => {
    drawn.add(name);
    const edges = (outgoing.get(name) ?? []).toSorted((a, b) => b.requests - a.requests);
    edges.forEach((edge, index) => {
      const last = index === edges.length - 1;
      const again = drawn.has(edge.destination) && outgoing.has(edge.destination);
      lines.push({
        tree: `${indent}${last ? '└─' : '├─'} ${printable(edge.destination)}`,
        edge,
        ...(again ? { note: '(see above)' } : {}),
      });
      if (!again) draw(edge.destination, `${indent}${last ? '   ' : '│  '}`);
    });
  };

  for (const root of rootsOf(graph)) {
    if (drawn.has(root)) continue;
    lines.push({ tree: printable(root) });
    draw(root, '');
  }
  return lines.length === 0 ? 'nobody called anybody in this time' : aligned(lines, style);
}

/** Callers that nobody calls first; then, for cycles without such an entry, all the others. */
function rootsOf(graph: GraphResponse): string[] {
  const called = new Set(graph.edges.map((edge) => edge.destination));
  const sources = [...new Set(graph.edges.map((edge) => edge.source))].sort();
  return [...sources.filter((name) => !called.has(name)), ...sources];
}

function aligned(lines: readonly Line[], style: Style): string {
  const cells = lines.map(({ edge, note }) =>
    edge === undefined
      ? []
      : [
          rate(edge.requestsPerSecond),
          `${percent(edge.errorRate)} errors`,
          `p99 ${milliseconds(edge.p99Ms)}`,
          edge.health === undefined ? '' : stateText(edge.health.state),
          note ?? '',
        ],
  );
  const width = Math.max(...lines.map((each) => widthOf(each.tree)));
  const widths = [0, 1, 2, 3].map((at) => Math.max(...cells.map((row) => widthOf(row[at] ?? ''))));
  return lines
    .map(({ tree, edge }, index) => {
      if (edge === undefined) return style.bold(tree);
      const row = cells[index] ?? [];
      const [calls = '', errors = '', p99 = ''] = row.map((cell, at) =>
        cell.padStart(widths[at] ?? 0),
      );
      const [, , , state = '', note = ''] = row;
      const after = note === '' ? state : `${state.padEnd(widths[3] ?? 0)}  ${note}`;
      const text = [tree.padEnd(width), calls, edge.errors > 0 ? style.red(errors) : errors, p99];
      const painted = edge.health === undefined ? after : paintState(after, edge.health, style);
      return [...text, painted].join('  ').trimEnd();
    })
    .join('\n');
}

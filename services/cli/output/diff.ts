import type { Style } from './style.ts';

const CONTEXT = 3;
/** Above this product of line counts the changed middle is shown as one block. */
const CELLS_MAX = 4_000_000;

type Op = readonly [sign: ' ' | '-' | '+', text: string];

/**
 * A unified diff of two texts with three lines of context; empty when they are equal. The lines
 * are those of `diff -u`, so that `patch` and reviewers' tools read it.
 */
export function unifiedDiff(name: string, before: string, after: string, style: Style): string {
  const ops = operations(linesOf(before), linesOf(after));
  const hunks = hunksOf(ops);
  if (hunks.length === 0) return '';
  const from = before === '' ? '/dev/null' : `a/${name}`;
  const to = after === '' ? '/dev/null' : `b/${name}`;
  const head = [style.bold(`--- ${from}`), style.bold(`+++ ${to}`)];
  return [...head, ...hunks.flatMap((hunk) => hunkLines(ops, hunk, style))].join('\n');
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}

function operations(a: readonly string[], b: readonly string[]): Op[] {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (
    end < a.length - start &&
    end < b.length - start &&
    a[a.length - 1 - end] === b[b.length - 1 - end]
  ) {
    end++;
  }
  const same = (lines: readonly string[]): Op[] => lines.map((text) => [' ', text] as const);
  return [
    ...same(a.slice(0, start)),
    ...middle(a.slice(start, a.length - end), b.slice(start, b.length - end)),
    ...same(a.slice(a.length - end)),
  ];
}

/** Longest common subsequence by the plain table: resources are small. */
function middle(a: readonly string[], b: readonly string[]): Op[] {
  const removed = (lines: readonly string[]): Op[] => lines.map((text) => ['-', text] as const);
  const added = (lines: readonly string[]): Op[] => lines.map((text) => ['+', text] as const);
  if (a.length * b.length > CELLS_MAX) return [...removed(a), ...added(b)];
  const width = b.length + 1;
  const common = new Uint32Array((a.length + 1) * width);
  const at = (i: number, j: number): number => common[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const best = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
      common[i * width + j] = best;
    }
  }
  const ops: Op[] = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      ops.push([' ', a[i] ?? '']);
      i++;
      j++;
    } else if (at(i + 1, j) >= at(i, j + 1)) ops.push(['-', a[i++] ?? '']);
    else ops.push(['+', b[j++] ?? '']);
  }
  return [...ops, ...removed(a.slice(i)), ...added(b.slice(j))];
}

interface Hunk {
  start: number;
  end: number;
}

function hunksOf(ops: readonly Op[]): Hunk[] {
  const hunks: Hunk[] = [];
  ops.forEach(([sign], index) => {
    if (sign === ' ') return;
    const start = Math.max(0, index - CONTEXT);
    const end = Math.min(ops.length, index + CONTEXT + 1);
    const last = hunks.at(-1);
    if (last !== undefined && start <= last.end) last.end = end;
    else hunks.push({ start, end });
  });
  return hunks;
}

function hunkLines(ops: readonly Op[], hunk: Hunk, style: Style): string[] {
  const countIn = (lines: readonly Op[], skip: '+' | '-'): number =>
    lines.filter(([sign]) => sign !== skip).length;
  const before = ops.slice(0, hunk.start);
  const inside = ops.slice(hunk.start, hunk.end);
  const range = (skip: '+' | '-'): string => {
    const length = countIn(inside, skip);
    return `${countIn(before, skip) + (length === 0 ? 0 : 1)},${length}`;
  };
  const head = style.cyan(`@@ -${range('+')} +${range('-')} @@`);
  return [head, ...inside.map(([sign, text]) => painted(sign, text, style))];
}

function painted(sign: Op[0], text: string, style: Style): string {
  if (sign === '-') return style.red(`-${text}`);
  return sign === '+' ? style.green(`+${text}`) : ` ${text}`;
}

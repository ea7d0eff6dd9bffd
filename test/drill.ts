// `npm run drill -- [NAME …]`: what is too long or too rough for `npm test`. A name is a file of
// test/drill, `faults` for all faults, or the number of one (F41): their tests then run at full
// depth, and the figures that they note go to test/faults/RESULTS.md. Without a name all faults do.
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '#local/install.mjs';
import { runProgram } from '#local/program.mjs';
import { FIGURES_VARIABLE, type Figure } from './faults/support/figures.ts';
import { newResults } from './faults/support/results.ts';

/** Set to 1 for fault tests that have a short and a full form. */
const DEPTH_VARIABLE = 'WINDROSE_DRILL';
const RESULTS = join(ROOT, 'test/faults/RESULTS.md');
const ALL_FAULTS = 'faults';

process.exitCode = await main(process.argv.slice(2));

async function main(names: readonly string[]): Promise<number> {
  const drills = readdirSync(join(ROOT, 'test/drill'))
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -3));
  const chosen = names.filter((name) => drills.includes(name));
  const numbers = names.filter((name) => /^F\d+$/.test(name));
  const areAll = names.length === 0 || names.includes(ALL_FAULTS);
  const known = new Set([...chosen, ...numbers, ALL_FAULTS]);
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length > 0) {
    const there = [...drills, ALL_FAULTS, 'F01', 'F02', '…'].join(', ');
    process.stderr.write(`no drill ${unknown.join(', ')}; drills: ${there}\n`);
    return 2;
  }
  for (const name of chosen) {
    const file = join(ROOT, 'test/drill', `${name}.ts`);
    const status = await runProgram(process.execPath, ['--no-warnings', file]);
    if (status !== 0) return status;
  }
  return areAll || numbers.length > 0 ? runFaults(areAll ? [] : numbers) : 0;
}

async function runFaults(numbers: readonly string[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'windrose-drill-'));
  const figuresFile = join(folder, 'figures');
  const pattern = numbers.map((number) => `\\b${number}\\b`).join('|');
  const choice = pattern === '' ? [] : ['-t', pattern];
  try {
    const status = await runProgram(
      process.execPath,
      ['--no-warnings', join(ROOT, 'test/run.ts'), 'test/faults', ...choice],
      { env: { ...process.env, [DEPTH_VARIABLE]: '1', [FIGURES_VARIABLE]: figuresFile } },
    );
    if (existsSync(figuresFile)) writeResults(readFileSync(figuresFile, 'utf8'));
    return status;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function writeResults(lines: string): void {
  const figures = lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Figure);
  const before = existsSync(RESULTS) ? readFileSync(RESULTS, 'utf8') : '';
  const date = new Date().toISOString().slice(0, 10);
  const { length: cores } = cpus();
  const where = `${date}, Node ${process.versions.node}, ${cores} × ${cpus()[0]?.model ?? '?'}`;
  writeFileSync(RESULTS, newResults(before, figures, where));
  for (const { fault, what, value } of figures) {
    process.stdout.write(`${fault}: ${what}: ${value}\n`);
  }
}

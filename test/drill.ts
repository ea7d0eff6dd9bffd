// `npm run drill -- [NAME …]`: what is too long or too rough for `npm test`. A name is a file of
// test/drill, or the number of a fault (F41) whose tests then run at full depth; without a name,
// all faults do.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '#local/install.mjs';
import { runProgram } from '#local/program.mjs';

/** Set to 1 for fault tests that have a short and a full form. */
const DEPTH_VARIABLE = 'WINDROSE_DRILL';

process.exitCode = await main(process.argv.slice(2));

async function main(names: readonly string[]): Promise<number> {
  const drills = readdirSync(join(ROOT, 'test/drill'))
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -3));
  const faults = existsSync(join(ROOT, 'test/faults'));
  const chosen = names.filter((name) => drills.includes(name));
  const numbers = names.filter((name) => /^F\d+$/.test(name));
  const unknown = names.filter((name) => !chosen.includes(name) && !numbers.includes(name));
  if (unknown.length > 0 || (names.length === 0 && !faults)) {
    const what = unknown.length > 0 ? `no drill ${unknown.join(', ')}; ` : '';
    process.stderr.write(`${what}drills: ${drills.join(', ')}${faults ? ', F1, F2, …' : ''}\n`);
    return 2;
  }
  for (const name of chosen) {
    const status = await runProgram(process.execPath, [
      '--no-warnings',
      join(ROOT, 'test/drill', `${name}.ts`),
    ]);
    if (status !== 0) return status;
  }
  if (numbers.length === 0 && names.length > 0) return 0;
  const pattern = numbers.map((number) => `\\b${number}\\b`).join('|');
  return runProgram(
    process.execPath,
    [
      '--no-warnings',
      join(ROOT, 'test/run.ts'),
      'test/faults',
      ...(pattern === '' ? [] : ['-t', pattern]),
    ],
    { env: { ...process.env, [DEPTH_VARIABLE]: '1' } },
  );
}

// `node test/conformance/gateway-api/readme.ts`: runs the tests and writes what they show into
// proxy/route/README.md.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '#local/install.mjs';
import { runProgram } from '#local/program.mjs';
import { render } from './features.ts';

export const README = join(ROOT, 'proxy/route/README.md');
const BEGIN = '<!-- features -->';
const END = '<!-- /features -->';

/** What stands between the marks. */
export function featuresIn(readme: string): string {
  return readme.slice(readme.indexOf(BEGIN) + BEGIN.length, readme.indexOf(END)).trim();
}

function withFeatures(readme: string, text: string): string {
  const [before = '', rest = ''] = readme.split(BEGIN);
  const [, after = ''] = rest.split(END);
  return `${before}${BEGIN}\n\n${text}\n\n${END}${after}`;
}

interface Report {
  testResults: { assertionResults: { title: string; status: string }[] }[];
}

async function runTests(): Promise<Set<string>> {
  const file = join(tmpdir(), `windrose-conformance-${process.pid}.json`);
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  await runProgram(process.execPath, [
    ...['--no-warnings', vitest, 'run', '--config', join(ROOT, 'test/vitest.config.ts')],
    ...['--project', 'unit', '--reporter', 'json', '--outputFile', file],
    'test/conformance/gateway-api',
  ]);
  const report = JSON.parse(readFileSync(file, 'utf8')) as Report;
  rmSync(file);
  const results = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  return new Set(results.filter(({ status }) => status === 'passed').map(({ title }) => title));
}

if (import.meta.main) {
  const passed = await runTests();
  writeFileSync(README, withFeatures(readFileSync(README, 'utf8'), render(passed)));
}

#!/usr/bin/env node
// @ts-check
// The command `windrose`. npx runs it with whatever Node the machine has: it installs what is
// missing and runs services/cli/main.ts on the project's Node, in this process if that is it.
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { InstallError, ROOT, ensureInstalled } from '../../infra/local/install.mjs';
import { runProgram } from '../../infra/local/program.mjs';

try {
  const node = await ensureInstalled({ say: (line) => void process.stderr.write(`${line}\n`) });
  if (realpathSync(node) === realpathSync(process.execPath)) {
    await import('./main.ts');
  } else {
    const lifeline = join(ROOT, 'infra', 'local', 'lifeline.mjs');
    const main = join(ROOT, 'services', 'cli', 'main.ts');
    const args = ['--no-warnings', '--import', lifeline, main, ...process.argv.slice(2)];
    process.exitCode = await runProgram(node, args);
  }
} catch (error) {
  if (!(error instanceof InstallError)) throw error;
  process.stderr.write(`windrose: ${error.message}\n`);
  process.exitCode = 1;
}

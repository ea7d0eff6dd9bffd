// `npm run bench -- NAME [arguments]`: runs test/bench/NAME/main.ts; lists the names without one.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '#local/install.mjs';
import { runProgram } from '#local/program.mjs';

const FOLDER = join(ROOT, 'test/bench');

process.exitCode = await main(process.argv.slice(2));

async function main([name, ...args]: readonly string[]): Promise<number> {
  const known = existsSync(FOLDER)
    ? readdirSync(FOLDER).filter((entry) => existsSync(join(FOLDER, entry, 'main.ts')))
    : [];
  if (name !== undefined && known.includes(name)) {
    const file = join(FOLDER, name, 'main.ts');
    return runProgram(process.execPath, ['--no-warnings', file, ...args]);
  }
  const which = known.length > 0 ? `benches: ${known.join(', ')}` : 'there is no bench yet';
  process.stderr.write(name === undefined ? `${which}\n` : `no bench ${name}; ${which}\n`);
  return name === undefined ? 0 : 2;
}

// What a request costs the proxy: `npm run bench -- proxy [--rounds N] [--json] [peer…]`.
//
// Beside other gateways where their benchmark is at hand (WINDROSE_PEERS, else `shared/peers` next
// to the checkout), else, or with --alone, by itself. `--profile` shows where the time goes instead
// (`--scenario bare`; `--keep FOLDER` leaves the .cpuprofile there). `--results FILE` writes the
// comparison down, as RESULTS.md has it. Nothing is installed, unless PEERS_INSTALL=1 is set.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { OPTIONS, roundsOf, runBench } from '../command.ts';
import { alone, aloneText } from './alone.ts';
import { compare, findPeers } from './peers.ts';
import { profile } from './profile.ts';
import { resultsText } from './results.ts';
import { targetsText } from './targets.ts';

const ROUNDS_MAX = 20;

await runBench('proxy', main);

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      ...OPTIONS,
      alone: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      scenario: { type: 'string', default: 'full' },
      keep: { type: 'string' },
    },
  });
  const rounds = roundsOf(values.rounds, ROUNDS_MAX);
  if (values.profile) {
    const { scenario } = values;
    if (scenario !== 'bare' && scenario !== 'full') throw new Error(`no scenario ${scenario}`);
    process.stdout.write(await profile(scenario, values.keep));
    return 0;
  }
  const peers = values.alone ? undefined : findPeers(process.env);
  if (peers === undefined) {
    if (values.results !== undefined) throw new Error('--results needs the peers to compare with');
    const figures = await alone(rounds);
    process.stdout.write(values.json ? `${JSON.stringify(figures)}\n` : aloneText(figures));
    return 0;
  }
  const compared = await compare({ peers, rounds, names: positionals });
  if (values.results !== undefined) writeFileSync(values.results, resultsText(compared));
  const { targets, doubts, runs } = compared;
  process.stdout.write(
    values.json
      ? `${JSON.stringify({ rounds, targets, doubts, runs })}\n`
      : `${compared.table}\n${targetsText(targets, doubts)}`,
  );
  return 0;
}

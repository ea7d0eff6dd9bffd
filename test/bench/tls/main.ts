// What HTTP/2 and TLS cost the proxy: `npm run bench -- tls [--rounds N] [--json] [gateway…]`.
//
// Beside the gateways that are on this machine (Envoy where the peers' benchmark keeps it, HAProxy,
// nginx), all with one thread, one ECDSA P-256 certificate and TLS 1.3. Needs h2load. `--work NAME`
// does only that (h1, h1Tls, h2, h2Tls, full, resumed; may stand again); `--results FILE` writes it
// down. Nothing is installed.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { OPTIONS, roundsOf, runBench } from '../command.ts';
import { GATEWAYS, type GatewayName, binaryOf } from './gateways.ts';
import { WORK_NAMES, type WorkName, measure } from './measure.ts';
import { resultsText, tableText } from './results.ts';

const ROUNDS_MAX = 50;

await runBench('tls', main);

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      ...OPTIONS,
      work: { type: 'string', multiple: true },
    },
  });
  const rounds = roundsOf(values.rounds, ROUNDS_MAX);
  const work = values.work === undefined ? WORK_NAMES : values.work.map(workNamed);
  const gateways = gatewaysFor(positionals);
  const measured = await measure({ rounds, gateways, work });
  if (values.results !== undefined) {
    writeFileSync(values.results, resultsText(measured, rounds));
  }
  process.stdout.write(
    values.json ? `${JSON.stringify(Object.fromEntries(measured))}\n` : tableText(measured),
  );
  return 0;
}

function workNamed(name: string): WorkName {
  const found = WORK_NAMES.find((each) => each === name);
  if (found === undefined) throw new Error(`no work ${name}; there is ${WORK_NAMES.join(', ')}`);
  return found;
}

/** Those that are asked for, else those that there are; Windrose is always one of them. */
function gatewaysFor(asked: readonly string[]): GatewayName[] {
  const unknown = asked.find((name) => GATEWAYS.every((each) => each !== name));
  if (unknown !== undefined) throw new Error(`no gateway ${unknown}; ${GATEWAYS.join(', ')}`);
  return GATEWAYS.filter((name) => {
    if (name === 'windrose') return true;
    return asked.length === 0 ? binaryOf(name) !== undefined : asked.includes(name);
  });
}

// What telemetry costs: `npm run bench -- telemetry [--part record|share] [--rounds N] [--json]`.
//
// Parts: record (processor time of the request thread for each record; 1.5 µs or less), share (a
// proxy under load that ships to a real Kafka, beside one that records nothing; 5 % or less).
// `--results FILE` writes it down. Ends by itself within minutes.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { OPTIONS, partsOf, roundsOf, runBench } from '../command.ts';
import { type RecordCost, measureRecords } from './record.ts';
import { resultsText, tablesText } from './results.ts';
import { type Share, measureShares } from './share.ts';

const ROUNDS_MAX = 50;
const PARTS = ['record', 'share'] as const;

export interface Measured {
  rounds: number;
  records?: RecordCost[];
  shares?: Share[];
}

await runBench('telemetry', main);

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      ...OPTIONS,
      rounds: { type: 'string', default: '5' },
      part: { type: 'string', multiple: true, default: [...PARTS] },
    },
  });
  const rounds = roundsOf(values.rounds, ROUNDS_MAX);
  const wanted = partsOf(values.part, PARTS);
  const measured: Measured = { rounds };
  if (wanted.has('record')) measured.records = await measureRecords();
  if (wanted.has('share')) measured.shares = await measureShares(rounds);
  if (values.results !== undefined) writeFileSync(values.results, resultsText(measured));
  process.stdout.write(values.json ? `${JSON.stringify(measured)}\n` : tablesText(measured));
  return 0;
}

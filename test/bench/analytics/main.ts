// What storing and reading cost: `npm run bench -- analytics [--rounds N] [--days N] [--json]`.
//
// Parts: pipeline (blocks through a real Kafka and the service, for a minute and a half), storing
// (the same records in blocks of 100 and of 1,000 rows, merged and as they come, and as
// JSONEachRow, in turn), engine (the same topic by the service and by ClickHouse's Kafka engine),
// panels (every query of the boards over a day and over 30), objectives
// (1,000 SLOs with 8 windows each). Real parts, started for it; `--part NAME` measures one;
// `--results FILE` writes it down. Ends by itself within minutes.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { meshDatabase } from '#contracts/tables.ts';
import { type ClickHouse, connectClickHouse } from '#platform/clickhouse.ts';
import { applySchema } from '../../../services/analytics/schema/apply.ts';
import { MIGRATIONS } from '../../../services/analytics/schema/migrations.ts';
import { OPTIONS, partsOf, roundsOf, runBench } from '../command.ts';
import { withParts } from '../parts.ts';
import { type Engine, measureEngine } from './engine.ts';
import { type Objectives, measureObjectives } from './objectives.ts';
import { type Panels, measurePanels } from './panels.ts';
import { type Pipeline, measurePipeline } from './pipeline.ts';
import { resultsText, tablesText } from './results.ts';
import { type Storing, measureStoring } from './storing.ts';

const ROUNDS_MAX = 100;
const DAYS_MAX = 31;
const PARTS = ['pipeline', 'engine', 'storing', 'panels', 'objectives'] as const;

export interface Measured {
  rounds: number;
  pipeline?: Pipeline;
  engine?: Engine;
  storing?: Storing;
  panels?: Panels;
  objectives?: Objectives;
}

export interface Plant {
  clickhouse: ClickHouse;
  /** Of the ClickHouse process. */
  pid: number | undefined;
}

await runBench('analytics', main);

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      ...OPTIONS,
      rounds: { type: 'string', default: '7' },
      days: { type: 'string', default: '30' },
      part: { type: 'string', multiple: true, default: [...PARTS] },
    },
  });
  const rounds = roundsOf(values.rounds, ROUNDS_MAX);
  const days = roundsOf(values.days, DAYS_MAX);
  const wanted = partsOf(values.part, PARTS);
  // Alone: its parts share the cores.
  const pipeline = wanted.has('pipeline') ? await measurePipeline() : undefined;
  const engine = wanted.has('engine') ? await measureEngine(rounds) : undefined;
  const measured = await withClickHouse(async (plant) => {
    const found: Measured = {
      rounds,
      ...(pipeline && { pipeline }),
      ...(engine && { engine }),
    };
    if (wanted.has('storing')) found.storing = await measureStoring(plant, rounds);
    if (wanted.has('panels')) {
      found.panels = await withClickHouse((own) => measurePanels(own, rounds));
    }
    if (wanted.has('objectives')) {
      found.objectives = await measureObjectives(plant, { rounds, days });
    }
    return found;
  });
  if (values.results !== undefined) writeFileSync(values.results, resultsText(measured));
  process.stdout.write(values.json ? `${JSON.stringify(measured)}\n` : tablesText(measured));
  return 0;
}

function withClickHouse<T>(run: (plant: Plant) => Promise<T>): Promise<T> {
  return withParts(['clickhouse'], async ({ url, pid }) => {
    const clickhouse = connectClickHouse({ url, database: meshDatabase('bench') });
    try {
      await applySchema(clickhouse, MIGRATIONS);
      return await run({ clickhouse, pid });
    } finally {
      await clickhouse.close();
    }
  });
}

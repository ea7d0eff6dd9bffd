// `npm run drill -- fuzz`: millions of streams of HTTP/1.1 to our grammar and to llhttp, from seeds
// that change every day; WINDROSE_FUZZ_SEED=N goes on from N, to see a failure again.
import { type Tally, tally } from '../property/http1/run.ts';

const STREAMS = 2_000_000;
/** So many at a time, to show that it goes on. */
const BATCH = 100_000;
const DAY_MS = 86_400_000;
/** `npm test` has the seeds below. */
const FIRST_SEED = 1_000_000;

const written = Number(process.env['WINDROSE_FUZZ_SEED']);
const day = Math.floor(Date.now() / DAY_MS) % 1_000;
const first = written > 0 ? written : FIRST_SEED + day * STREAMS;
const startMs = performance.now();

try {
  for (let seed = first; seed < first + STREAMS; seed += BATCH) {
    for (const kind of ['request', 'response'] as const) {
      report(`${BATCH} of ${kind} from ${seed}`, tally(kind, seed, BATCH));
    }
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

function report(what: string, { accepted, incomplete, refused, rules }: Tally): void {
  const seconds = Math.round((performance.now() - startMs) / 1_000);
  const differing = [...rules.values()].reduce((sum, count) => sum + count, 0);
  process.stdout.write(
    `${seconds} s: ${what}: ${accepted} accepted, ${incomplete} incomplete, ` +
      `${refused} refused, ${differing} by a rule\n`,
  );
}

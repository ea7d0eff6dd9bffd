import { Command, CommanderError } from 'commander';
import { VERSION } from '#contracts/version.ts';
import { ChildExit, CliError, EXIT, usage } from './errors.ts';
import { type Io, line, styleOf } from './io.ts';
import { nearest } from '#contracts/nearest.ts';
import { count } from './output/format.ts';
import { problemsText } from './output/problems.ts';
import type { Adder } from './verb.ts';
import { VERBS } from './verbs/index.ts';
import { WAIT_DEFAULT } from './wait.ts';

/**
 * Runs one command line (without the node and script paths) and answers its exit status. Nothing
 * is thrown: what went wrong was said on `io.err`.
 */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  let status: number = EXIT.done;
  const program = createProgram(io, VERBS);
  try {
    refuseUnknownVerb(program, argv);
    await program.parseAsync(withWaitDefault(argv), { from: 'user' });
  } catch (error) {
    status = sayError(io, error);
  }
  return status;
}

export function createProgram(io: Io, verbs: readonly Adder[]): Command {
  const program = new Command('windrose')
    .description('One proxy for every direction of traffic, and the system around it.')
    .version(VERSION, '-V, --version')
    .helpCommand('help [verb]', 'show the help of a verb')
    .showSuggestionAfterError(true)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.out.write(text),
      writeErr: (text) => void io.err.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'windrose: ')),
      getOutHelpWidth: () => io.out.columns ?? 100,
      getErrHelpWidth: () => io.err.columns ?? 100,
      getOutHasColors: () => io.out.isTTY === true,
      getErrHasColors: () => io.err.isTTY === true,
    })
    .addHelpText(
      'after',
      '\nExit status: 0 done; 1 failed; 2 wrong usage; 3 rejected by validation; ' +
        '4 conflict with another writer;\n5 time ran out while waiting.',
    );
  for (const add of verbs) add(program, io);
  return program;
}

function refuseUnknownVerb(program: Command, argv: readonly string[]): void {
  const verb = argv[0];
  if (verb === undefined) {
    program.outputHelp({ error: true });
    throw new CommanderError(EXIT.usage, 'windrose.noVerb', '');
  }
  if (verb.startsWith('-') || verb === 'help') return;
  const names = program.commands.map((command) => command.name());
  if (names.includes(verb)) return;
  const close = nearest(verb, names);
  const hint = close === undefined ? '`windrose --help` lists the verbs' : `did you mean ${close}?`;
  throw new CliError(EXIT.usage, `there is no verb ${verb}; ${hint}`);
}

/** As in kubectl a value of `--wait` follows after `=` only, so that a bare one takes nothing. */
function withWaitDefault(argv: readonly string[]): string[] {
  const end = argv.indexOf('--');
  return argv.map((word, index) => {
    if (word !== '--wait' || (end !== -1 && index > end)) return word;
    const next = argv[index + 1] ?? '';
    if (!/^\d+(ms|s|m|h)$/.test(next)) return `--wait=${WAIT_DEFAULT}`;
    throw usage(`--wait takes its duration after an equals sign: --wait=${next}`);
  });
}

function sayError(io: Io, error: unknown): number {
  // Commander has said what it found wrong; 0 is --help and --version.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (error instanceof ChildExit) return error.status;
  const style = styleOf(io, io.err);
  if (error instanceof CliError) {
    const problems = error.problems;
    const total = problems.length < 2 ? '' : ` (${count(problems.length, 'problem')})`;
    line(io.err, `${style.red('windrose:')} ${error.message}${total}`);
    if (problems.length > 0) line(io.err, problemsText(problems, style));
    return error.status;
  }
  line(io.err, `windrose: ${error instanceof Error ? error.message : String(error)}`);
  if (io.env['WINDROSE_STACKS'] === '1' && error instanceof Error) {
    line(io.err, error.stack ?? '');
  }
  return EXIT.failed;
}

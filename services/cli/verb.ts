import { type Command, Option } from 'commander';
import type { Io } from './io.ts';
import { FORMATS, type Format } from './output/print.ts';

/** One verb of the command line. */
export interface VerbSpec {
  /** As commander reads it: `get <kind> [name]`. */
  usage: string;
  summary: string;
  /** More than the summary says; shown by `--help`. */
  details?: string;
  /** Lines that can be pasted as they are. */
  examples: readonly string[];
}

export type Adder = (program: Command, io: Io) => void;

/** A command with its help; options and action are the caller's. */
export function addVerb(program: Command, spec: VerbSpec): Command {
  const command = program.command(spec.usage).summary(spec.summary);
  command.description(
    spec.details === undefined ? spec.summary : `${spec.summary}\n${spec.details}`,
  );
  command.addHelpText('after', examplesText(spec.examples));
  return command;
}

export function examplesText(examples: readonly string[]): string {
  return `\nExamples:\n${examples.map((example) => `  ${example}`).join('\n')}`;
}

export function withServer(command: Command): Command {
  return command
    .option('--server <url>', 'the config service (default: WINDROSE_SERVER, or the local one)')
    .option('--token <token>', 'who asks (default: WINDROSE_TOKEN, or as tokens.yaml has it)')
    .option('--mesh <name>', 'refuse to work on any other mesh');
}

export function withOutput(command: Command): Command {
  return command.addOption(
    new Option('-o, --output <format>', 'what to print')
      .choices(FORMATS)
      .default('table' satisfies Format),
  );
}

export interface OutputOptions {
  output: Format;
}

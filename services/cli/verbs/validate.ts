import type { Command } from 'commander';
import type { ResourceProblem } from '#contracts/problems.ts';
import type { Resource } from '#contracts/resources/index.ts';
import type { Manifests } from '#platform/manifests.ts';
import { MeshState } from '#platform/state.ts';
import { CliError, EXIT } from '../errors.ts';
import { readInput } from '../input.ts';
import type { Io } from '../io.ts';
import { count } from '../output/format.ts';
import { print } from '../output/print.ts';
import { type OutputOptions, addVerb, withOutput } from '../verb.ts';

interface Options extends OutputOptions {
  filename: string[];
}

export function addValidate(program: Command, io: Io): void {
  const command = addVerb(program, {
    usage: 'validate',
    summary: 'check files by themselves, without a server',
    details:
      'The same code as in the config service and in every proxy: schemas, references, regular\n' +
      'expressions. The files are taken as the whole configuration: what they refer to must be\n' +
      'among them; `apply --dry-run` checks against what is there.',
    examples: ['windrose validate -f infra/demo/manifests'],
  }).requiredOption('-f, --filename <path...>', 'files, folders, or - for standard input');
  withOutput(command).action(async (options: Options) => {
    const found = await readInput(io, options.filename);
    const problems = await allProblems(io, found);
    const valid = problems.length === 0;
    const text = valid ? `valid: ${count(found.resources.length, 'resource')}` : '';
    print(io, options.output, { valid, documents: found.documents.length, problems }, () => text);
    if (valid) return;
    // Said once: in the data that was asked for, or below the sentence.
    const below = options.output === 'table' ? problems : [];
    throw new CliError(EXIT.invalid, 'this is not valid', below);
  });
}

/** What the schemas refuse, and what a proxy would find wrong with the rest, in one go. */
async function allProblems(io: Io, found: Manifests): Promise<ResourceProblem[]> {
  const readable = [...found.resources, ...found.rests];
  const beyond = await compileProblems(io, readable);
  // With a document that cannot be read nobody can say what it would have been referred to for.
  const whole = readable.length === found.documents.length;
  const known = whole ? beyond : beyond.filter((each) => each.reason !== 'missing_reference');
  return [...found.problems, ...known];
}

/** What a proxy would find wrong with a mesh that has these resources and no others. */
async function compileProblems(io: Io, resources: Resource[]): Promise<ResourceProblem[]> {
  // Loaded here only: no other verb pays for the compiler.
  const { compile } = await import('#proxy/pure.ts');
  const revision = { epoch: 1, sequence: 1 };
  const state = new MeshState();
  const time = new Date(io.wallMs()).toISOString();
  state.apply({ sequence: revision.sequence, time, upserts: resources, deletes: [] });
  const { entries } = state;
  return compile({ entries, revision, nowMs: io.wallMs() }).problems;
}

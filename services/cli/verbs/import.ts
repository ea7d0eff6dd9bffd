import { writeFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { parseDurationMs } from '#contracts/duration.ts';
import type { Resource } from '#contracts/resources/index.ts';
import { CliError, EXIT, usage } from '../errors.ts';
import {
  type ImportOptions,
  type NamedRef,
  SOURCES,
  type Source,
  type SourceDocument,
} from '../import/context.ts';
import { isLabel, isSubdomain } from '../import/names.ts';
import { readInput } from '../input.ts';
import { type Io, line, styleOf } from '../io.ts';
import { count } from '../output/format.ts';
import { notesText } from '../output/notes.ts';
import { toYaml } from '../output/print.ts';
import { addVerb } from '../verb.ts';

interface Options {
  service?: string;
  gateway?: string;
  namespace?: string;
  name?: string;
  faultExpires?: string;
  strict?: boolean;
  output: 'yaml' | 'json';
  into?: string;
}

export function addImport(program: Command, io: Io): void {
  addVerb(program, {
    usage: 'import <files...>',
    summary: 'make Gateway API resources of OpenAPI, Kubernetes Ingress and Istio routes',
    details:
      'What each document is, its content says; the words openapi, ingress or istio before the\n' +
      'files allow that alone. Services among the files tell names and numbers of ports. What\n' +
      'could not be carried over goes to standard error, with its path and the reason.',
    examples: [
      'windrose import openapi pets.yaml --service shop/pets:80 --gateway shop/edge',
      'windrose import ingress web.yaml services.yaml | windrose apply -f -',
      'windrose import istio reviews.yaml --strict --into reviews-routes.yaml',
    ],
  })
    .option('--service <name>', 'NAMESPACE/NAME[:PORT]: where the routes of OpenAPI lead to')
    .option('--gateway <name>', 'NAMESPACE/NAME: the parent of the routes')
    .option('-n, --namespace <name>', 'of what has none by itself')
    .option('--name <name>', 'of the routes of OpenAPI (default: from the title)')
    .option('--fault-expires <when>', 'carry faults of Istio over until then: a time, or 24h')
    .option('--strict', 'end with 1 if anything was not carried over as it was')
    .option('--into <file>', 'write the resources there')
    .addOption(
      new Option('-o, --output <format>', 'how to write them')
        .choices(['yaml', 'json'])
        .default('yaml'),
    )
    .action(async (words: string[], options: Options) => {
      const [source, files] = sourceOf(words);
      const read = readOptions(io, source, options);
      const { documents, problems } = await readInput(io, files);
      const unreadable = problems.filter(({ reason }) => reason === 'unreadable');
      if (unreadable.length > 0) throw new CliError(EXIT.failed, 'this cannot be read', unreadable);
      await translate(io, documents, read, options);
    });
}

async function translate(
  io: Io,
  documents: readonly SourceDocument[],
  read: ImportOptions,
  options: Options,
): Promise<void> {
  // Loaded here only: no other verb pays for the translation.
  const { importDocuments } = await import('../import/import.ts');
  const { resources, notes } = importDocuments(documents, read);
  if (notes.length > 0) line(io.err, notesText(notes, styleOf(io, io.err)));
  if (resources.length === 0) throw new CliError(EXIT.failed, 'nothing could be carried over');
  await write(io, resources, options);
  const changed = notes.filter(({ level }) => level !== 'note').length;
  if (options.strict === true && changed > 0) {
    const what = count(changed, 'thing was', 'things were');
    throw new CliError(EXIT.failed, `${what} not carried over exactly (--strict)`);
  }
}

async function write(io: Io, resources: readonly Resource[], options: Options): Promise<void> {
  const list = { apiVersion: 'v1', kind: 'List', items: resources };
  const text =
    options.output === 'json'
      ? `${JSON.stringify(list, null, 2)}\n`
      : resources.map((resource) => toYaml(resource)).join('---\n');
  if (options.into === undefined) {
    io.out.write(text);
    return;
  }
  try {
    await writeFile(options.into, text);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new CliError(EXIT.failed, `cannot write ${options.into}: ${message}`);
  }
  line(io.err, `${count(resources.length, 'resource')} written to ${options.into}`);
}

/** The source where the first word is one, and the files. */
function sourceOf(words: readonly string[]): [Source | undefined, readonly string[]] {
  const source = SOURCES.find((name) => name === words[0]);
  if (source === undefined) return [undefined, words];
  if (words.length === 1) throw usage(`say which files: windrose import ${source} FILE...`);
  return [source, words.slice(1)];
}

function readOptions(io: Io, source: Source | undefined, options: Options): ImportOptions {
  const { service, gateway, namespace, name, faultExpires } = options;
  if (source === 'openapi' && (service === undefined || gateway === undefined)) {
    throw usage(
      'import openapi takes --service NAMESPACE/NAME[:PORT] and --gateway NAMESPACE/NAME',
    );
  }
  if (namespace !== undefined && !isLabel(namespace)) {
    throw usage(`-n ${namespace} is no name of a namespace`);
  }
  if (name !== undefined && !isSubdomain(name)) throw usage(`--name ${name} is no name of a route`);
  return {
    ...(source === undefined ? {} : { source }),
    ...(service === undefined ? {} : { service: serviceRef(service) }),
    ...(gateway === undefined ? {} : { gateway: namedRef('--gateway', gateway) }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
    ...(faultExpires === undefined ? {} : { faultExpires: expiry(io, faultExpires) }),
  };
}

function serviceRef(text: string): NamedRef & { port?: number } {
  const [, ref = text, port] = /^([^:]*):([0-9]{1,5})$/.exec(text) ?? [];
  const number = Number(port);
  if (port !== undefined && (number < 1 || number > 65_535)) {
    throw usage(`--service ${text} has no port from 1 to 65535`);
  }
  const named = namedRef('--service', ref);
  return { ...named, ...(port === undefined ? {} : { port: number }) };
}

function namedRef(option: string, text: string): NamedRef {
  const [name = '', namespace, ...more] = text.split('/').reverse();
  const isName = option === '--service' ? isLabel(name) : isSubdomain(name);
  if (!isName || more.length > 0 || (namespace !== undefined && !isLabel(namespace))) {
    throw usage(`${option} ${text} is no name; write it like NAMESPACE/NAME`);
  }
  return { ...(namespace === undefined ? {} : { namespace }), name };
}

/** RFC 3339, from a time or from how long it is until then. */
function expiry(io: Io, text: string): string {
  const afterMs = parseDurationMs(text);
  if (!Number.isNaN(afterMs)) return new Date(io.wallMs() + afterMs).toISOString();
  const isTime = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$/.test(text);
  if (isTime && !Number.isNaN(Date.parse(text))) return text;
  throw usage(`--fault-expires ${text} is neither a time nor a duration; write 24h`);
}

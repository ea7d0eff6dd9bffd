import { createHash, randomBytes } from 'node:crypto';
import { type Command, Option } from 'commander';
import { parseWindowMs } from '#contracts/duration.ts';
import { LABEL } from '#contracts/names.ts';
import { ALL_NAMESPACES, ROLES, type Role, TOKEN_NAME } from '#platform/access/roles.ts';
import { usage } from '../errors.ts';
import { type Io, line, styleOf } from '../io.ts';
import { toYaml } from '../output/print.ts';
import { addVerb } from '../verb.ts';

/** 256 bits: nothing that could be searched for by its hash. */
const TOKEN_BYTES = 32;
const EXPIRES_MAX_MS = 10 * 366 * 24 * 3_600_000;

interface Options {
  role: Role;
  namespace?: string[];
  allNamespaces?: boolean;
  expires?: string;
}

export function addToken(program: Command, io: Io): void {
  const token = program.command('token').summary('make tokens for the API');
  token.description('make tokens for the API');
  addVerb(token, {
    usage: 'new <name>',
    summary: 'make a token: shown once, and the entry of --tokens with its hash',
    details:
      'The entry goes to standard output, the token to standard error; nothing is kept.\n' +
      'Its name is the author of what is written with it. view shows, edit writes the resources\n' +
      'of the namespaces, admin their Namespace too; with -A also what belongs to no namespace.',
    examples: [
      'windrose token new ci --role edit --namespace shop >> tokens.yaml',
      'windrose token new ann@example.org --role admin -A --expires 30d',
    ],
  })
    .addOption(new Option('--role <role>', 'what it may do').choices(ROLES).makeOptionMandatory())
    .option('-n, --namespace <name...>', 'where')
    .option('-A, --all-namespaces', 'everywhere')
    .option('--expires <duration>', 'not valid any more after this time, such as 30d')
    .action((name: string, options: Options) => {
      if (!new RegExp(TOKEN_NAME).test(name)) {
        throw usage(`${name} is no name of a token: letters, digits and -._@, 100 at most`);
      }
      const namespaces = namespacesOf(options);
      const secret = `wrt_${randomBytes(TOKEN_BYTES).toString('base64url')}`;
      const sha256 = createHash('sha256').update(secret).digest('hex');
      const roles = [{ role: options.role, namespaces }];
      const entry = { name, sha256, roles, ...endOf(io, options) };
      line(io.err, `token, shown this once: ${styleOf(io, io.err).bold(secret)}`);
      line(io.out, toYaml([entry]).trimEnd());
    });
}

function namespacesOf({ namespace = [], allNamespaces = false }: Options): string[] {
  if (allNamespaces === namespace.length > 0) {
    throw usage('say where: --namespace NAME, or --all-namespaces');
  }
  const wrong = namespace.find((name) => !new RegExp(LABEL).test(name));
  if (wrong !== undefined) throw usage(`${wrong} is no name of a namespace`);
  return allNamespaces ? [ALL_NAMESPACES] : namespace;
}

function endOf(io: Io, { expires }: Options): { notAfter?: string } {
  if (expires === undefined) return {};
  const ms = parseWindowMs(expires);
  if (!(ms > 0 && ms <= EXPIRES_MAX_MS)) {
    throw usage(`--expires ${expires} is no time from now; write it like 30d, at most ten years`);
  }
  return { notAfter: new Date(io.wallMs() + ms).toISOString() };
}

import { createHash, randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { LABEL, SUBDOMAIN } from '#contracts/names.ts';
import type { Consumer } from '#contracts/resources/index.ts';
import { usage } from '../errors.ts';
import { type Io, line, styleOf } from '../io.ts';
import { toYaml } from '../output/print.ts';
import { addVerb } from '../verb.ts';

/** 192 bits: far more than the 128 below which a hash without salt could be searched. */
const KEY_BYTES = 24;

interface Options {
  namespace: string;
  id: string;
}

export function addConsumer(program: Command, io: Io): void {
  const consumer = program.command('consumer').summary('make credentials of consumers');
  consumer.description('make credentials of consumers');
  addVerb(consumer, {
    usage: 'key <name>',
    summary: 'make an API key: shown once, and the Consumer that knows only its hash',
    details: 'The resource goes to standard output, the key to standard error; nothing is kept.',
    examples: [
      'windrose consumer key newcomer -n shop',
      'windrose consumer key newcomer -n shop > key.yaml && windrose apply -f key.yaml',
    ],
  })
    .option('-n, --namespace <name>', 'namespace of the Consumer', 'default')
    .option('--id <id>', 'name of the key among the keys of the consumer', 'k1')
    .action((name: string, options: Options) => {
      if (!new RegExp(SUBDOMAIN).test(name)) throw usage(`${name} is no name of a Consumer`);
      if (!new RegExp(LABEL).test(options.namespace)) {
        throw usage(`${options.namespace} is no name of a namespace`);
      }
      const key = `wr_${randomBytes(KEY_BYTES).toString('base64url')}`;
      line(io.err, `key, shown this once: ${styleOf(io, io.err).bold(key)}`);
      line(io.out, toYaml(resourceOf(name, options, key)).trimEnd());
    });
}

function resourceOf(name: string, options: Options, key: string): Consumer {
  const sha256 = createHash('sha256').update(key).digest('hex');
  return {
    apiVersion: 'windrose.dev/v1',
    kind: 'Consumer',
    metadata: { name, namespace: options.namespace },
    spec: { credentials: [{ type: 'APIKey', id: options.id, sha256 }] },
  };
}

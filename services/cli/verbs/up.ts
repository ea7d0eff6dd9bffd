import type { Command } from 'commander';
import { usage } from '../errors.ts';
import type { Io } from '../io.ts';
import { portBase } from '../servers.ts';
import { addVerb } from '../verb.ts';

const COMPONENTS = ['nats', 'kafka', 'clickhouse', 'config', 'analytics', 'alerting'] as const;
export type Component = (typeof COMPONENTS)[number];

interface Options {
  demo?: boolean;
  only?: string;
}

export function addUp(program: Command, io: Io): void {
  addVerb(program, {
    usage: 'up',
    summary: 'start NATS, Kafka, ClickHouse and the services here, and with --demo the shop',
    details:
      'All of it listens on 127.0.0.1 and ends with Ctrl-C; .windrose keeps data and logs.\n' +
      'NATS_URL, KAFKA_BROKERS, CLICKHOUSE_URL are used instead of starting that part;\n' +
      'WINDROSE_PORT_BASE (default 7000) moves every port.',
    examples: [
      'windrose up --demo',
      'windrose up --only nats,config',
      'WINDROSE_PORT_BASE=21000 windrose up --demo',
    ],
  })
    .option('--demo', 'also the demo: a shop behind a gateway, with steady traffic')
    .option('--only <names>', `some of ${COMPONENTS.join(', ')}, separated by commas`)
    .action(async (options: Options) => {
      const only = options.only === undefined ? undefined : componentsOf(options.only);
      if (options.demo === true && only !== undefined) {
        throw usage('--demo needs everything; leave --only away');
      }
      // Loaded here only: what starts processes is no business of the other verbs.
      const { up } = await import('../up/up.ts');
      const components = only ?? COMPONENTS;
      await up(io, { base: portBase(io.env), components, demo: options.demo === true });
    });
}

function componentsOf(text: string): Component[] {
  const names = text.split(',').map((name) => name.trim());
  for (const name of names) {
    if ((COMPONENTS as readonly string[]).includes(name)) continue;
    throw usage(`--only ${name} is none of ${COMPONENTS.join(', ')}`);
  }
  return COMPONENTS.filter((name) => names.includes(name));
}

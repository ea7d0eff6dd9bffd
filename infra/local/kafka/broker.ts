import { spawnGuarded } from '../children.ts';
import type { PartError } from '../errors.ts';
import { type RunningPart, launch } from '../part.ts';
import { kafkaAnswers } from '../probe.ts';
import { LOCAL_HOST } from '../settings.ts';
import { type BrokerPlace, brokerArgs, formatStorage, writeBrokerFiles } from './command.ts';
import type { KafkaProgram } from './fetch.ts';

/** What a local broker needs. */
export interface KafkaOptions extends BrokerPlace {
  readonly program: KafkaProgram;
  readonly dataDir: string;
  readonly logFile: string;
  readonly env: NodeJS.ProcessEnv;
  readonly died?: ((error: PartError) => void) | undefined;
}

/** Starts one broker that is its own controller and waits until it answers for metadata. */
export async function startKafka(options: KafkaOptions): Promise<RunningPart> {
  const { program, dataDir, logFile, port, controllerPort, env, secure, joins } = options;
  const files = writeBrokerFiles(dataDir, {
    ...{ port, controllerPort, secure, joins, settings: options.settings },
    advertisedPort: options.advertisedPort,
  });
  await formatStorage(program.java, program.libs, files, env, {
    users: secure?.users ?? [],
    joins,
  });
  const flags = program.archive === undefined ? [] : [`-XX:SharedArchiveFile=${program.archive}`];
  return launch({
    name: 'kafka',
    address: `${LOCAL_HOST}:${port}`,
    logFile,
    ports: [
      port,
      ...(joins === undefined ? [controllerPort] : []),
      ...(secure === undefined ? [] : [secure.saslPort, secure.tlsPort]),
    ],
    readyTimeoutMs: 90_000,
    spawn: () =>
      spawnGuarded({
        name: 'Kafka',
        command: program.java.command,
        args: brokerArgs(program.libs, files, flags),
        env,
        logFile,
      }),
    probe: () => kafkaAnswers(LOCAL_HOST, port),
    died: options.died,
  });
}

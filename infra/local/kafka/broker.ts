import { spawnGuarded } from '../children.ts';
import type { PartError } from '../errors.ts';
import { type RunningPart, launch } from '../part.ts';
import { kafkaAnswers } from '../probe.ts';
import { LOCAL_HOST } from '../settings.ts';
import { brokerArgs, formatStorage, writeBrokerFiles } from './command.ts';
import type { KafkaProgram } from './fetch.ts';

/** What a local broker needs. */
export interface KafkaOptions {
  readonly program: KafkaProgram;
  readonly dataDir: string;
  readonly logFile: string;
  readonly port: number;
  readonly controllerPort: number;
  readonly env: NodeJS.ProcessEnv;
  readonly died?: ((error: PartError) => void) | undefined;
}

/** Starts one broker that is its own controller and waits until it answers for metadata. */
export async function startKafka(options: KafkaOptions): Promise<RunningPart> {
  const { program, dataDir, logFile, port, controllerPort, env } = options;
  const files = writeBrokerFiles(dataDir, { port, controllerPort });
  await formatStorage(program.java, program.libs, files, env);
  const flags = program.archive === undefined ? [] : [`-XX:SharedArchiveFile=${program.archive}`];
  return launch({
    name: 'kafka',
    address: `${LOCAL_HOST}:${port}`,
    logFile,
    ports: [port, controllerPort],
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

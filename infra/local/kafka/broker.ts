import { spawnGuarded } from '../children.ts';
import type { PartError } from '../errors.ts';
import { type RunningPart, launch } from '../part.ts';
import { kafkaAnswers } from '../probe.ts';
import { LOCAL_HOST } from '../settings.ts';
import { brokerArgs, formatStorage, writeBrokerFiles } from './command.ts';
import type { KafkaProgram } from './fetch.ts';
import type { SecureListeners } from './secure.ts';

/** What a local broker needs. */
export interface KafkaOptions {
  readonly program: KafkaProgram;
  readonly dataDir: string;
  readonly logFile: string;
  readonly port: number;
  readonly controllerPort: number;
  readonly env: NodeJS.ProcessEnv;
  /** Also listens with TLS and passwords. */
  readonly secure?: SecureListeners | undefined;
  readonly died?: ((error: PartError) => void) | undefined;
}

/** Starts one broker that is its own controller and waits until it answers for metadata. */
export async function startKafka(options: KafkaOptions): Promise<RunningPart> {
  const { program, dataDir, logFile, port, controllerPort, env, secure } = options;
  const files = writeBrokerFiles(dataDir, { port, controllerPort, secure });
  await formatStorage(program.java, program.libs, files, env, secure?.users);
  const flags = program.archive === undefined ? [] : [`-XX:SharedArchiveFile=${program.archive}`];
  return launch({
    name: 'kafka',
    address: `${LOCAL_HOST}:${port}`,
    logFile,
    ports: [port, controllerPort, ...(secure ? [secure.saslPort, secure.tlsPort] : [])],
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

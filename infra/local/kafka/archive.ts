import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawnGuarded } from '../children.ts';
import { freeList } from '../ports.ts';
import { kafkaAnswers } from '../probe.ts';
import { LOCAL_HOST } from '../settings.ts';
import { brokerArgs, formatStorage, writeBrokerFiles } from './command.ts';
import type { Java } from './java.ts';

const READY_TIMEOUT_MS = 60_000;
const DUMP_TIMEOUT_MS = 60_000;

/**
 * Runs a broker once on throw-away data and has Java keep its loaded classes in `kafka.jsa`:
 * later starts take 1.2 s instead of 3. When Java makes none (a runtime without that ability),
 * the folder stays empty and brokers just start slower.
 */
export async function makeClassArchive(
  java: Java,
  libs: string,
  folder: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const scratch = join(folder, 'scratch');
  mkdirSync(scratch);
  const [port = 0, controllerPort = 0] = await freeList(2);
  const files = writeBrokerFiles(scratch, { port, controllerPort });
  await formatStorage(java, libs, files, env);
  const child = spawnGuarded({
    name: 'Kafka',
    command: java.command,
    args: brokerArgs(libs, files, [`-XX:ArchiveClassesAtExit=${join(folder, 'kafka.jsa')}`]),
    env,
    logFile: join(scratch, 'log'),
  });
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (Date.now() < deadline && !(await kafkaAnswers(LOCAL_HOST, port))) await sleep(100);
  await child.stop({ timeoutMs: DUMP_TIMEOUT_MS });
  rmSync(scratch, { recursive: true, force: true });
  for (const name of readdirSync(folder)) {
    if (name !== 'kafka.jsa') rmSync(join(folder, name), { recursive: true });
  }
}

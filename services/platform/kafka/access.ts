import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { sentenceOf } from '../log.ts';
import type { KafkaAccess } from './types.ts';

/** The files of a KafkaAccess cannot be used: one sentence, without anything of a password. */
export class KafkaAccessError extends Error {}

/** In the words of the library, with what is secret in it: to be handed on and not kept. */
export interface ReadAccess {
  ssl?: { ca?: string; rejectUnauthorized: true };
  sasl?: { mechanism: string; username: string; password: string };
}

/** Reads the files that an access names; throws KafkaAccessError. */
export function readAccess(access: KafkaAccess): ReadAccess {
  const { tls, caFile, user } = access;
  const read: ReadAccess = {};
  // Said, so that NODE_TLS_REJECT_UNAUTHORIZED cannot turn it off.
  if (tls) read.ssl = { rejectUnauthorized: true };
  if (caFile !== undefined) read.ssl = { ca: readCa(caFile), rejectUnauthorized: true };
  if (user === undefined) return read;
  if (user.mechanism === 'PLAIN' && read.ssl === undefined) {
    throw new KafkaAccessError('PLAIN would send the password to Kafka readably: it needs TLS');
  }
  const password = readPassword(user.passwordFile);
  read.sasl = { mechanism: user.mechanism.toLowerCase(), username: user.name, password };
  return read;
}

/** Checked here: OpenSSL skips what is no certificate, and then no broker is believed. */
function readCa(file: string): string {
  const text = readText(file, "the CA of Kafka's brokers");
  try {
    void new X509Certificate(text);
  } catch {
    throw new KafkaAccessError(`${file} is no CA for Kafka: there is no certificate in PEM in it`);
  }
  return text;
}

function readPassword(file: string): string {
  // Editors and `echo` end a file with a line break, which is no part of a password.
  const password = readText(file, 'the password for Kafka').replace(/\r?\n$/, '');
  if (password === '') throw new KafkaAccessError(`the password for Kafka in ${file} is empty`);
  return password;
}

function readText(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new KafkaAccessError(`${what} cannot be read: ${sentenceOf(error)}`);
  }
}

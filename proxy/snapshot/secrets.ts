import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { type SecretMessage, secretContext } from '#contracts/secrets.ts';
import { type Log, sentenceOf } from '#platform/log.ts';
import { decodeJson } from '#platform/nats.ts';
import { replaceFile } from '#platform/replace-file.ts';
import type { Unsealer } from '#platform/sealing.ts';
import type { Trust } from '#platform/signing.ts';
import { type SecretValues, secretValues } from '../tls/secrets.ts';

export interface SecretsOptions {
  mesh: string;
  proxy: string;
  /** This proxy's own key. */
  unsealer: Unsealer;
  trust: Trust;
  dir: string;
  log: Log;
  given: (values: readonly SecretValues[]) => void;
}

const FILE = 'secrets.json';
/** Versions of one Secret kept on disk. */
const VERSIONS_MAX = 8;

/**
 * This proxy's Secrets, as they come sealed to its key and signed by the mesh. On disk they lie
 * sealed as they came, so that a start without NATS has them; opened they are in memory alone.
 */
export class Secrets {
  readonly #options: SecretsOptions;
  /** By Secret and digest, in the order in which they came. */
  readonly #messages = new Map<string, SecretMessage>();
  #writing: Promise<void> = Promise.resolve();

  constructor(options: SecretsOptions) {
    this.#options = options;
  }

  /** What lay on disk; `isKnown`: Secrets of the state that is about to be served. */
  async restore(isKnown: (secret: string) => boolean): Promise<void> {
    const { dir, log, given } = this.#options;
    let messages: unknown;
    try {
      messages = JSON.parse(await readFile(path.join(dir, FILE), 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      log.error({ error: sentenceOf(error) }, 'the Secrets on disk cannot be read');
      return;
    }
    if (!Array.isArray(messages)) {
      log.error('the Secrets on disk cannot be read: it is no list');
      return;
    }
    const opened: SecretValues[] = [];
    for (const message of messages as SecretMessage[]) {
      const values = this.#open(message);
      if (typeof values === 'string') log.error({ why: values }, 'a Secret on disk is refused');
      else if (isKnown(values.secret)) {
        this.#keep(message);
        opened.push(values);
      }
    }
    given(opened);
  }

  /** A message of this proxy's subject: taken, or refused and alarmed. */
  take(data: Uint8Array): void {
    const { log, given } = this.#options;
    const message = decodeJson(data) as SecretMessage | undefined;
    const values = message === undefined ? 'it is no JSON object' : this.#open(message);
    if (message === undefined || typeof values === 'string') {
      log.error({ why: values }, 'a Secret is refused');
      return;
    }
    given([values]);
    if (!this.#keep(message)) return;
    this.#writing = this.#writing.then(() => this.#write());
  }

  /** Resolves when what came is on disk. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    const { dir, log } = this.#options;
    try {
      await mkdir(dir, { recursive: true });
      const text = JSON.stringify([...this.#messages.values()]);
      await replaceFile(path.join(dir, FILE), text, { mode: 0o600 });
    } catch (error) {
      log.error({ error: sentenceOf(error) }, 'the Secrets could not be written to disk');
    }
  }

  /** False: it was known, word for word. */
  #keep(message: SecretMessage): boolean {
    const { secret, digest, signature } = message;
    const id = `${secret} ${digest}`;
    if (this.#messages.get(id)?.signature?.value === signature?.value) return false;
    this.#messages.delete(id);
    this.#messages.set(id, message);
    const versions = [...this.#messages.keys()].filter((each) => each.startsWith(`${secret} `));
    if (versions.length > VERSIONS_MAX) this.#messages.delete(versions[0] ?? '');
    return true;
  }

  /** The values, or why they are not taken. */
  #open(message: SecretMessage): SecretValues | string {
    const { mesh, proxy, trust, unsealer } = this.#options;
    try {
      const refusal = trust.refusalOf('secret', message);
      if (refusal !== undefined) return `it ${refusal}`;
      if (message.mesh !== mesh || message.proxy !== proxy) {
        return `it is for ${message.mesh}/${message.proxy}`;
      }
      const text = unsealer.open(message.box, secretContext(message));
      const data = JSON.parse(text) as Record<string, unknown>;
      return secretValues(message.secret, message.digest, data);
    } catch (error) {
      return sentenceOf(error);
    }
  }
}

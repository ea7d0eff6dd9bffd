import { readFileSync, statSync } from 'node:fs';
import { BootstrapError } from '../bootstrap.ts';
import { type Clock, systemClock } from '../clock.ts';
import { fileStamp } from '../file-stamp.ts';
import { type Log, sentenceOf } from '../log.ts';
import type { Caller } from './caller.ts';
import { type Tokens, parseTokens } from './tokens.ts';

/** How long a change of the file may go unnoticed. */
const LOOK_AGAIN_MS = 1_000;

/**
 * A file of tokens, read again when it changed: looked at when somebody asks, so there is nothing
 * to stop. What cannot be read leaves the tokens as they were, for the log to tell: a slip of an
 * editor locks nobody out.
 */
export class TokenFile {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #log: Log;
  #tokens: Tokens;
  #stamp: string;
  #lookedMs: number;
  #problem: string | undefined;

  /** Throws BootstrapError when the file cannot be read. */
  constructor(path: string, options: { log: Log; clock?: Clock }) {
    this.#path = path;
    this.#log = options.log;
    this.#clock = options.clock ?? systemClock;
    try {
      this.#stamp = fileStamp(statSync(path));
      this.#tokens = parseTokens(readFileSync(path, 'utf8'));
    } catch (error) {
      throw new BootstrapError(`the file of tokens ${path} cannot be used: ${sentenceOf(error)}`);
    }
    this.#lookedMs = this.#clock.nowMs();
  }

  /** Whose token it is; undefined when it is nobody's, or its time is over. */
  find(token: string): Caller | undefined {
    this.#look();
    return this.#tokens.find(token, this.#clock.wallMs());
  }

  #look(): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#lookedMs < LOOK_AGAIN_MS) return;
    this.#lookedMs = nowMs;
    try {
      const stamp = fileStamp(statSync(this.#path));
      if (stamp === this.#stamp) return;
      this.#stamp = stamp;
      this.#tokens = parseTokens(readFileSync(this.#path, 'utf8'));
      this.#problem = undefined;
      this.#log.info({ file: this.#path, tokens: this.#tokens.size }, 'tokens read again');
    } catch (error) {
      const problem = sentenceOf(error);
      if (problem === this.#problem) return;
      this.#problem = problem;
      const fields = { file: this.#path, problem };
      this.#log.error(fields, 'the file of tokens cannot be used; those read before stay valid');
    }
  }
}

/** The file that `--tokens` names; undefined: the API asks for none. */
export function tokenFile(path: string | undefined, log: Log): TokenFile | undefined {
  return path === undefined ? undefined : new TokenFile(path, { log });
}

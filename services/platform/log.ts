import { writeSync } from 'node:fs';

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
type Level = (typeof LEVELS)[number];

type Say = (fieldsOrMessage: object | string, message?: string) => void;

/** One line for each call, in which the fields stand before the message. */
export interface Log {
  /** The least level that is written; `silent`: none is. */
  level: string;
  readonly trace: Say;
  readonly debug: Say;
  readonly info: Say;
  readonly warn: Say;
  readonly error: Say;
}

export interface LogOptions {
  /** What writes: `config`, `analytics`, `alerting`, `proxy`. */
  service: string;
  level?: string;
  /** Said in every line, such as mesh and proxy. */
  fields?: Record<string, string | number>;
}

export function levelOf(options: LogOptions): string {
  return options.level ?? process.env['WINDROSE_LOG_LEVEL'] ?? 'info';
}

/**
 * JSON lines on stderr (stdout is for what a program was asked for), times in RFC 3339. Written
 * here and not by pino, which the services have (`service-log.ts`): to load and to make it took
 * 12 ms of a proxy's start, and a proxy writes a few lines an hour.
 */
export function createLog(options: LogOptions): Log {
  return new LineLog(options);
}

class LineLog implements Log {
  readonly trace = this.#sayAt('trace');
  readonly debug = this.#sayAt('debug');
  readonly info = this.#sayAt('info');
  readonly warn = this.#sayAt('warn');
  readonly error = this.#sayAt('error');
  readonly #base: object;
  #least = 0;

  constructor(options: LogOptions) {
    this.#base = { service: options.service, ...options.fields };
    this.level = levelOf(options);
  }

  get level(): string {
    return LEVELS[this.#least] ?? 'silent';
  }

  set level(name: string) {
    const rank = LEVELS.indexOf(name as Level);
    if (rank === -1) throw new Error(`${name} is no level of a log: ${LEVELS.join(', ')}`);
    this.#least = rank;
  }

  #sayAt(level: Level): Say {
    const rank = LEVELS.indexOf(level);
    return (fieldsOrMessage, message) => {
      if (rank < this.#least) return;
      const [fields, msg] =
        typeof fieldsOrMessage === 'string' ? [{}, fieldsOrMessage] : [fieldsOrMessage, message];
      const head = { level, time: new Date().toISOString(), ...this.#base };
      writeLine(lineOf({ ...head, ...fields, msg }, { ...head, msg }));
    };
  }
}

/** Without the fields where they have no form in JSON: a log is no reason to fail. */
function lineOf(whole: object, plain: object): string {
  try {
    return JSON.stringify(whole);
  } catch {
    return JSON.stringify(plain);
  }
}

const STDERR = 2;
const FULL_WAIT_MS = 10;
const waiting = new Int32Array(new SharedArrayBuffer(4));

/** Before the call returns: what a process says last is often why it ends. */
function writeLine(line: string): void {
  let rest = Buffer.from(`${line}\n`);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(STDERR, rest));
    } catch (error) {
      // Nobody reads it, or the disk is full: the work goes on.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
      // Another process made the pipe that we share non-blocking, and its reader is behind.
      Atomics.wait(waiting, 0, 0, FULL_WAIT_MS);
    }
  }
}

/** One sentence of whatever was thrown. */
export function sentenceOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map(sentenceOf).join('; ');
  }
  if (error instanceof Error) return error.message === '' ? error.name : error.message;
  return String(error);
}

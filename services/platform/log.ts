import { type Logger, pino } from 'pino';

export type Log = Logger;

export interface LogOptions {
  /** What writes: `config`, `analytics`, `alerting`, `proxy`. */
  service: string;
  level?: string;
  /** Said in every line, such as mesh and proxy. */
  fields?: Record<string, string | number>;
}

/** JSON lines on stderr (stdout is for what a program was asked for), times in RFC 3339. */
export function createLog(options: LogOptions): Log {
  return pino(
    {
      level: options.level ?? process.env['WINDROSE_LOG_LEVEL'] ?? 'info',
      base: { service: options.service, ...options.fields },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: 2, sync: true }),
  );
}

/** One sentence of whatever was thrown. */
export function sentenceOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map(sentenceOf).join('; ');
  }
  if (error instanceof Error) return error.message === '' ? error.name : error.message;
  return String(error);
}

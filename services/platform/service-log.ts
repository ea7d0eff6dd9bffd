import { type Logger, pino } from 'pino';
import { type LogOptions, levelOf } from './log.ts';

/** What Fastify logs with too, which wants more of it than `Log`. */
export type ServiceLog = Logger;

/** The same lines as `createLog` writes, by pino. */
export function createServiceLog(options: LogOptions): ServiceLog {
  return pino(
    {
      level: levelOf(options),
      base: { service: options.service, ...options.fields },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: 2, sync: true }),
  );
}

import type { RecordValue } from '#contracts/api/analytics.ts';
import { milliseconds } from './format.ts';
import { type Style, printable } from './style.ts';

/** A record as the API gives it: by column. */
export type LogRecord = Readonly<Record<string, RecordValue>>;

/** One line of a request: when, who called whom, what, how it ended, how long it took. */
export function recordLine(record: LogRecord, style: Style): string {
  const text = (name: string): string => {
    const value = record[name] ?? '';
    return printable(typeof value === 'object' ? fieldsText(value) : String(value));
  };
  const status = Number(record['status'] ?? 0);
  const reason = text('reason');
  const took = milliseconds(Number(record['duration_us'] ?? 0) / 1_000);
  const paint = status === 0 || status >= 500 ? style.red : status >= 400 ? style.yellow : plain;
  return [
    style.dim(clockTime(text('time'))),
    text('direction').padEnd(8),
    paint(`${status === 0 ? '---' : status}`),
    `${text('method')} ${text('host')}${text('path')}`,
    `${text('source') || '-'} -> ${text('backend') || text('destination') || '-'}`,
    took,
    ...(reason === 'ok' || reason === '' ? [] : [paint(reason)]),
    ...(text('consumer') === '' ? [] : [style.cyan(text('consumer'))]),
    ...(text('fields') === '' ? [] : [text('fields')]),
    style.dim(`rev ${text('log_epoch')}-${text('revision')}`),
  ].join('  ');
}

const fieldsText = (fields: Readonly<Record<string, string>>): string =>
  Object.entries(fields)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');

const plain = (text: string): string => text;

/** The time of day of `2026-01-02 03:04:05.678901` or its RFC 3339 form, to the millisecond. */
function clockTime(time: string): string {
  const [, clock, fraction = ''] = /([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]+))?/.exec(time) ?? [];
  return clock === undefined ? time : `${clock}.${fraction.padEnd(3, '0').slice(0, 3)}`;
}

import type { Fields } from './fields.ts';

const UNIT_MS: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
  us: 0.001,
  µs: 0.001,
  ns: 0.000001,
};
const NUMBER_MAX = 99_999;

/**
 * A duration as Go and protobuf write it (`1.5s`, `1h30m`, `0.250s`) in the form of Gateway API
 * (GEP-2257); undefined when it is none, or finer or longer than that form can say.
 */
function gatewayDuration(text: string): string | undefined {
  const ms = durationMsOf(text);
  return ms === undefined ? undefined : fromMs(ms);
}

/** Milliseconds of a duration as Go and protobuf write it. */
export function durationMsOf(text: string): number | undefined {
  if (text === '0') return 0;
  if (!/^([0-9]+(\.[0-9]+)?(h|ms|m|s|us|µs|ns))+$/.test(text)) return undefined;
  let totalMs = 0;
  for (const [, number, unit] of text.matchAll(/([0-9.]+)(h|ms|m|s|us|µs|ns)/g)) {
    totalMs += Number(number) * (UNIT_MS[unit ?? ''] ?? Number.NaN);
  }
  return Number.isFinite(totalMs) ? Math.round(totalMs * 1e6) / 1e6 : undefined;
}

function fromMs(ms: number): string | undefined {
  if (!Number.isInteger(ms)) return undefined;
  if (ms === 0) return '0s';
  const parts: string[] = [];
  let left = ms;
  for (const unit of ['h', 'm', 's', 'ms'] as const) {
    const size = UNIT_MS[unit] ?? 1;
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > NUMBER_MAX) return undefined;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  return parts.join('');
}

/** A field with a duration, in the form of Gateway API; one that it cannot say is noted. */
export function durationField(fields: Fields, key: string): string | undefined {
  const text = fields.text(key);
  if (text === undefined) return undefined;
  const duration = gatewayDuration(text);
  if (duration === undefined) {
    fields.notes.lost(fields.at(key), `${text} is no duration of whole milliseconds`);
  }
  return duration;
}

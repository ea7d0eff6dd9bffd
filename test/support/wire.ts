import type { WireType } from '#contracts/record.ts';

/** Whether values of a column are texts, however they are sent. */
export function isText(wire: WireType): boolean {
  return wire === 'String' || wire === 'LowCardinality(String)';
}

import { isIPv4 } from 'node:net';
import type { Exchange } from '../../exchange.ts';
import type { RecordRules } from '../../policy/telemetry/config.ts';
import type { FieldValues } from './field-values.ts';

const NO_FIELDS: readonly string[] = Object.freeze([]);

/**
 * What record, access log and span show of an exchange where its TelemetryPolicy may say something
 * else than what is. One object serves all exchanges, one after the other.
 */
export class Shown {
  path = '';
  clientAddress = '';
  weight = 1;
  /** Name, value, name, value, …; only those that are there. */
  fields: readonly string[] = NO_FIELDS;
  readonly #values: FieldValues;

  constructor(values: FieldValues) {
    this.#values = values;
  }

  show(exchange: Exchange, weight: number, nowMs: number): void {
    const { records, request } = exchange;
    this.weight = weight;
    this.path = request.path;
    this.clientAddress = request.clientAddress;
    this.fields = NO_FIELDS;
    if (records !== undefined) this.#apply(records, exchange, nowMs);
  }

  #apply(records: RecordRules, exchange: Exchange, nowMs: number): void {
    if (records.path === 'Template') this.path = exchange.pathTemplate;
    if (records.clientAddress !== 'Keep') {
      const isNetwork = records.clientAddress === 'Network';
      this.clientAddress = isNetwork ? networkOf(this.clientAddress) : '';
    }
    if (records.fields.length > 0) this.fields = this.#fieldsOf(records, exchange, nowMs);
  }

  #fieldsOf({ fields }: RecordRules, exchange: Exchange, nowMs: number): string[] {
    const { request, noted } = exchange;
    const found: string[] = [];
    fields.forEach((field, index) => {
      const text = field.of === 'request' ? request.headers.get(field.header) : noted?.[index];
      if (text === undefined || text === '') return;
      found.push(field.name, this.#values.valueOf(field, text, nowMs));
    });
    return found;
  }
}

/** As Google Analytics and others keep addresses: a /24, or a /48. */
function networkOf(address: string): string {
  if (isIPv4(address)) return `${address.slice(0, address.lastIndexOf('.'))}.0`;
  const groups = expanded(address);
  return groups === undefined ? '' : `${groups.slice(0, 3).join(':')}::`;
}

/** The eight groups of an IPv6 address without leading zeros; undefined: it is none. */
function expanded(address: string): string[] | undefined {
  const [head = '', tail, more] = (address.split('%')[0] ?? '').split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = 8 - left.length - right.length;
  if (more !== undefined || (tail === undefined ? missing !== 0 : missing < 1)) return undefined;
  const groups = [...left, ...Array.from({ length: missing }, () => '0'), ...right];
  return groups.map((group) => group.replace(/^0+(?=.)/, ''));
}

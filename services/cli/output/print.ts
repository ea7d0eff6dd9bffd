import { stringify } from 'yaml';
import { type Io, line } from '../io.ts';

export const FORMATS = ['table', 'yaml', 'json'] as const;
export type Format = (typeof FORMATS)[number];

/** One way to print what a verb found: as data, or as text for people. */
export function print(io: Io, format: Format, value: unknown, text: () => string): void {
  switch (format) {
    case 'json':
      return line(io.out, JSON.stringify(value, null, 2));
    case 'yaml':
      return line(io.out, toYaml(value).trimEnd());
    case 'table': {
      const shown = text();
      return shown === '' ? undefined : line(io.out, shown);
    }
    default:
      return format satisfies never;
  }
}

/** Also for readers of YAML 1.1, such as kubectl: a text `yes` stands in quotes. */
export function toYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false, compat: 'yaml-1.1' });
}

import { LABEL, SUBDOMAIN } from '#contracts/names.ts';

const NAME_LENGTH_MAX = 200;

export function isLabel(text: string): boolean {
  return new RegExp(LABEL).test(text);
}

export function isSubdomain(text: string): boolean {
  return text.length <= 253 && new RegExp(SUBDOMAIN).test(text);
}

/** A Hostname of Gateway API: a DNS name, perhaps with `*.` in front; an IP address is none. */
export function isHostname(text: string): boolean {
  return isSubdomain(text.replace(/^\*\./, '')) && !isAddress(text);
}

function isAddress(text: string): boolean {
  return /^[0-9]+(\.[0-9]+){3}$/.test(text) || text.includes(':');
}

/**
 * A name for a resource or a rule from any text: `listPets` is `list-pets`, `GET /pets/{id}` is
 * `get-pets-id`.
 */
export function nameFrom(text: string, otherwise: string): string {
  const name = text
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, NAME_LENGTH_MAX)
    .replaceAll(/^-+|-+$/g, '');
  return name === '' ? otherwise : name;
}

/** Gives each name once: who comes second gets `name-2`. */
export class Names {
  readonly #taken = new Set<string>();

  /** `scope` is where the name has to be its own, such as `HTTPRoute/shop`. */
  unique(scope: string, name: string): string {
    let candidate = name;
    for (let number = 2; this.#taken.has(`${scope}/${candidate}`); number++) {
      candidate = `${name}-${number}`;
    }
    this.#taken.add(`${scope}/${candidate}`);
    return candidate;
  }
}

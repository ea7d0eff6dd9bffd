/** An element of a path by how it is matched: as it is, any one, or whatever is left. */
interface Node {
  readonly literals: Map<string, Node>;
  any: Node | undefined;
  /** The template that ends here, and the one that takes the rest of a path. */
  template: string | undefined;
  rest: string | undefined;
}

const PARAMETER = /^\{[A-Za-z_][A-Za-z0-9_]{0,62}\}$/;
const REST = /^\{[A-Za-z_][A-Za-z0-9_]{0,62}\.\.\.\}$/;

/** Deeper paths are told apart no further. */
const ELEMENTS_MAX = 64;

/** What is wrong with a template, as one sentence; undefined: nothing. */
export function templateProblem(template: string): string | undefined {
  if (!template.startsWith('/')) return 'a path template begins with /';
  const elements = template.slice(1).split('/');
  if (elements.length > ELEMENTS_MAX) return `a path template has ${ELEMENTS_MAX} elements at most`;
  const odd = elements.find((element, index) => {
    if (REST.test(element)) return index < elements.length - 1;
    return /[{}?#\s]/.test(element) && !PARAMETER.test(element);
  });
  if (odd === undefined) return undefined;
  return `${odd} is no element: write text, {name}, or {name...} as the last one`;
}

/**
 * Finds the template of a path. Of several that match, the one that has text where the others have
 * a parameter comes first, element by element. A path visits each element of a template once at
 * most, whatever it is.
 */
export class PathTemplates {
  readonly #root = newNode();

  /** Of templates without a problem. */
  constructor(templates: readonly string[]) {
    for (const template of templates) this.#add(template);
  }

  find(path: string): string | undefined {
    return search(this.#root, path, 1);
  }

  #add(template: string): void {
    let node = this.#root;
    for (const element of template.slice(1).split('/')) {
      if (REST.test(element)) {
        node.rest ??= template;
        return;
      }
      if (PARAMETER.test(element)) node = node.any ??= newNode();
      else {
        let next = node.literals.get(element);
        if (next === undefined) node.literals.set(element, (next = newNode()));
        node = next;
      }
    }
    node.template ??= template;
  }
}

function newNode(): Node {
  return { literals: new Map(), any: undefined, template: undefined, rest: undefined };
}

/** `start`: where the next element begins; beyond the end of the path there is none. */
function search(node: Node, path: string, start: number): string | undefined {
  if (start > path.length) return node.template ?? node.rest;
  const slash = path.indexOf('/', start);
  const end = slash < 0 ? path.length : slash;
  const literal = node.literals.get(path.slice(start, end));
  const found = literal && search(literal, path, end + 1);
  if (found !== undefined) return found;
  // An empty element is no parameter's value.
  const other = node.any && end > start ? search(node.any, path, end + 1) : undefined;
  return other ?? node.rest;
}

import {
  type TextNode,
  childBefore,
  editTree,
  emptyTree,
  entriesOf,
  textChanges,
  valueOf,
} from './text-tree.ts';

/** Hostnames such as `*.shop.example`, by what follows the `*`, read backwards. */
export type WildcardTree<V> = TextNode<V>;

/** A wildcard stands for one or more labels (HTTPRoute.hostnames), so never for the whole host. */
export const isWildcard = (hostname: string): boolean => hostname.startsWith('*.');

/** Undefined: there are none, and nothing has to be looked up. */
export function wildcardTree<V>(
  before: WildcardTree<V> | undefined,
  changes: ReadonlyMap<string, V | undefined>,
): WildcardTree<V> | undefined {
  if (changes.size === 0) return before;
  const byKey = new Map([...changes].map(([hostname, value]) => [keyOf(hostname), value]));
  const after = editTree<V>(before ?? emptyTree(), textChanges(byKey));
  return after.value === undefined && after.children.length === 0 ? undefined : after;
}

export function wildcardValue<V>(tree: WildcardTree<V>, hostname: string): V | undefined {
  return valueOf(tree, keyOf(hostname));
}

export function wildcardNames(tree: WildcardTree<unknown>): string[] {
  return [...entriesOf(tree)].map(([key]) => `*${backwards(key)}`);
}

export function longestWildcard<V>(tree: WildcardTree<V>, host: string): V | undefined {
  let found: V | undefined;
  let end = host.length;
  for (let node: TextNode<V> | undefined = tree; node !== undefined && end > 0;) {
    found = node.value ?? found;
    node = childBefore(node, host, end);
    if (node !== undefined) end -= node.label.length;
  }
  return found;
}

/** `*.example` → `elpmaxe.`. */
function keyOf(hostname: string): string {
  return backwards(hostname.slice(1));
}

function backwards(text: string): string {
  return Array.from({ length: text.length }, (_, i) => text[text.length - 1 - i]).join('');
}

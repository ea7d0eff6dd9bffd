/**
 * A radix tree by characters, never changed: `editTree` shares what it does not touch. Walking it
 * along a text meets every key with which the text begins, and cuts nothing out of the text.
 */
export interface TextNode<V> {
  /** The characters between the parent's key and this one's. */
  readonly label: string;
  /** Undefined: no key ends here. */
  readonly value: V | undefined;
  /** Character code of the first of `children`; the others follow it, with holes. */
  readonly first: number;
  readonly children: readonly (TextNode<V> | undefined)[];
}

/** Sorted by character code and stand once; `undefined` removes a key. */
export type TextChanges<V> = readonly (readonly [key: string, value: V | undefined])[];

/** Labels up to this length are compared by character. */
const LOOP_MOST = 4;
const NO_CHILDREN: readonly undefined[] = Object.freeze([]);
const EMPTY: TextNode<never> = node<never>('', undefined, new Map());

export function emptyTree<V>(): TextNode<V> {
  return EMPTY;
}

/** The child whose whole label stands in `text` at `at`, which is before its end. */
export function childAt<V>(parent: TextNode<V>, text: string, at: number): TextNode<V> | undefined {
  const number = text.charCodeAt(at) - parent.first;
  if (number < 0 || number >= parent.children.length) return undefined;
  const child = parent.children[number];
  if (child === undefined) return undefined;
  const { label } = child;
  // Whole words of memory at a time; a character each costs four times as much.
  if (label.length > LOOP_MOST) return text.indexOf(label, at) === at ? child : undefined;
  for (let i = 1; i < label.length; i++) {
    if (label.charCodeAt(i) !== text.charCodeAt(at + i)) return undefined;
  }
  return child;
}

/** As childAt, along a text that is read backwards from `end`, which is not its beginning. */
export function childBefore<V>(
  parent: TextNode<V>,
  text: string,
  end: number,
): TextNode<V> | undefined {
  const number = text.charCodeAt(end - 1) - parent.first;
  if (number < 0 || number >= parent.children.length) return undefined;
  const child = parent.children[number];
  if (child === undefined || child.label.length > end) return undefined;
  const { label } = child;
  for (let i = 1; i < label.length; i++) {
    if (label.charCodeAt(i) !== text.charCodeAt(end - 1 - i)) return undefined;
  }
  return child;
}

export function valueOf<V>(root: TextNode<V>, key: string): V | undefined {
  let at = 0;
  let here: TextNode<V> | undefined = root;
  while (here !== undefined && at < key.length) {
    here = childAt(here, key, at);
    if (here !== undefined) at += here.label.length;
  }
  return here?.value;
}

/** In the order of the keys. */
export function* entriesOf<V>(root: TextNode<V>, before = ''): Generator<[string, V]> {
  const key = before + root.label;
  if (root.value !== undefined) yield [key, root.value];
  for (const child of root.children) if (child !== undefined) yield* entriesOf(child, key);
}

export function editTree<V>(root: TextNode<V>, changes: TextChanges<V>): TextNode<V> {
  return changes.length === 0 ? root : (edited(root, changes, 0) ?? emptyTree());
}

/** Sorted as editTree wants them. */
export function textChanges<V>(changes: ReadonlyMap<string, V | undefined>): TextChanges<V> {
  return [...changes].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** A node whose key has `length` characters, with which all changes begin; undefined when empty. */
function edited<V>(
  before: TextNode<V>,
  changes: TextChanges<V>,
  length: number,
): TextNode<V> | undefined {
  let { value } = before;
  const [own] = changes;
  const isOwn = own !== undefined && own[0].length === length;
  if (isOwn) value = own[1];
  if (isOwn && changes.length === 1) return joined(before.label, value, before);
  const children = childrenOf(before);
  for (const group of groups(isOwn ? changes.slice(1) : changes, length)) {
    const code = group[0]?.[0].charCodeAt(length) ?? 0;
    const child = editedChild(children.get(code), group, length);
    if (child === undefined) children.delete(code);
    else children.set(code, child);
  }
  return joined(before.label, value, node('', undefined, children));
}

/** All changes of a group go on with the same character at `length`. */
function editedChild<V>(
  before: TextNode<V> | undefined,
  group: TextChanges<V>,
  length: number,
): TextNode<V> | undefined {
  const firstKey = group[0]?.[0] ?? '';
  const lastKey = group.at(-1)?.[0] ?? '';
  const label = before?.label ?? firstKey.slice(length);
  const shared = Math.min(
    sharedLength(label, firstKey.slice(length)),
    sharedLength(label, lastKey.slice(length)),
  );
  let child: TextNode<V>;
  if (before === undefined) child = { ...emptyTree<V>(), label: label.slice(0, shared) };
  else if (shared === label.length) child = before;
  else {
    const rest = Object.freeze({ ...before, label: label.slice(shared) });
    const only = new Map([[label.charCodeAt(shared), rest]]);
    child = node(label.slice(0, shared), undefined, only);
  }
  return edited(child, group, length + shared);
}

/** A node without a value has two children at least. */
function joined<V>(
  label: string,
  value: V | undefined,
  { first, children }: TextNode<V>,
): TextNode<V> | undefined {
  if (value === undefined && children.length <= 1) {
    const [only] = children;
    if (only === undefined) return undefined;
    // The root keeps its empty key: a walk begins there.
    if (label !== '') return Object.freeze({ ...only, label: label + only.label });
  }
  return Object.freeze({ label, value, first, children });
}

function node<V>(
  label: string,
  value: V | undefined,
  byCode: ReadonlyMap<number, TextNode<V>>,
): TextNode<V> {
  if (byCode.size === 0) return Object.freeze({ label, value, first: 0, children: NO_CHILDREN });
  const first = Math.min(...byCode.keys());
  const length = Math.max(...byCode.keys()) - first + 1;
  const children = Array.from({ length }, (_, number) => byCode.get(first + number));
  return Object.freeze({ label, value, first, children: Object.freeze(children) });
}

function childrenOf<V>({ first, children }: TextNode<V>): Map<number, TextNode<V>> {
  const byCode = new Map<number, TextNode<V>>();
  children.forEach((child, number) => {
    if (child !== undefined) byCode.set(first + number, child);
  });
  return byCode;
}

/** Runs of changes that have the same character at `at`. */
function* groups<V>(changes: TextChanges<V>, at: number): Generator<TextChanges<V>> {
  let from = 0;
  for (let to = 1; to <= changes.length; to++) {
    const code = changes[from]?.[0].charCodeAt(at);
    if (to < changes.length && changes[to]?.[0].charCodeAt(at) === code) continue;
    yield changes.slice(from, to);
    from = to;
  }
}

function sharedLength(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a.charCodeAt(length) === b.charCodeAt(length)) length++;
  return length;
}

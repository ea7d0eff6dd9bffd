/** A path modifier of Gateway API, checked: its results are in normal form when the path is. */
export type PathEdit =
  | { readonly type: 'ReplaceFullPath'; readonly path: string }
  /** Both without a trailing slash; the root is the empty text. */
  | { readonly type: 'ReplacePrefixMatch'; readonly prefix: string; readonly replacement: string };

/**
 * The path as the modifier makes it: a prefix is replaced by path element, and whether the path
 * ends with a slash stays as it was (the table in HTTPPathModifier's documentation). `*`, which
 * OPTIONS asks for, is no path and stays.
 */
export function editPath(edit: PathEdit, path: string): string {
  if (path === '*') return path;
  switch (edit.type) {
    case 'ReplaceFullPath':
      return edit.path;
    case 'ReplacePrefixMatch': {
      const edited = edit.replacement + path.slice(edit.prefix.length);
      return edited === '' ? '/' : edited;
    }
    default:
      return edit satisfies never;
  }
}

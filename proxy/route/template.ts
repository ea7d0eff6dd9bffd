/**
 * A named element `(?P<id>[^/]+)`, an escaped character, or one that stands for itself: what a
 * regular expression that spells a path template consists of.
 */
const PIECE = /\(\?P?<([A-Za-z_]\w*)>\[\^\/\]\+\)|\\([^\w\s])|([^\\^$.|?*+()[\]{}])/y;

/**
 * The path template that a regular expression spells: `/pets/{id}` for `/pets/(?P<id>[^/]+)`, so
 * that records and people see the template and not the expression. Undefined where the expression
 * has no named element, or anything else that is not literal.
 */
export function templateOf(expression: string): string | undefined {
  let template = '';
  let elements = 0;
  PIECE.lastIndex = 0;
  while (PIECE.lastIndex < expression.length) {
    const piece = PIECE.exec(expression);
    if (piece === null) return undefined;
    const [, name, escaped, plain = ''] = piece;
    if (name !== undefined) elements++;
    template += name === undefined ? (escaped ?? plain) : `{${name}}`;
  }
  return elements === 0 ? undefined : template;
}

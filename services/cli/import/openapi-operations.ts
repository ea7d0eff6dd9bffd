import { Fields, isMapping } from './fields.ts';
import { type ApiServer, serversOf } from './openapi-servers.ts';

const METHODS = ['GET', 'PUT', 'POST', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH', 'TRACE'] as const;
/** References lead to references; further ones than this go in a circle. */
const REFERENCES_MAX = 16;
const ROOT: readonly ApiServer[] = Object.freeze([Object.freeze({ host: undefined, base: '' })]);
const PROSE = ['summary', 'description', 'tags', 'externalDocs'] as const;
const EXTENSION = 'extensions of a vendor are not read';

export interface Operation {
  /** As the document writes it, with parameters in braces. */
  readonly path: string;
  readonly method: (typeof METHODS)[number];
  /** Its operationId, or what it does. */
  readonly name: string;
  readonly servers: readonly ApiServer[];
  /** Where it stands in the document. */
  readonly at: string;
}

/** What is said once for the whole document, however many operations have it. */
interface Tally {
  validated: number;
  secured: number;
}

/** Every operation of a document; what else the document asks for is noted. */
export function operationsOf(document: Fields): Operation[] {
  document.skip('openapi', 'info', 'tags', 'externalDocs', 'jsonSchemaDialect', '$self');
  document.lostIfThere({ webhooks: 'webhooks are requests that the service makes, not gets' });
  const servers = serversOf(document) ?? ROOT;
  const tally: Tally = { validated: 0, secured: 0 };
  const components = document.map('components');
  const paths = document.map('paths');
  const operations: Operation[] = [];
  for (const path of paths?.keys ?? []) {
    if (!path.startsWith('/')) {
      paths?.lost(path, EXTENSION);
      continue;
    }
    const item = paths?.map(path);
    if (item !== undefined)
      operations.push(...itemOperations(path, item, document, servers, tally));
  }
  noteTally(document, components, tally);
  document.rest(EXTENSION);
  return operations;
}

function itemOperations(
  path: string,
  written: Fields,
  document: Fields,
  servers: readonly ApiServer[],
  tally: Tally,
): Operation[] {
  const item = resolved(written, document);
  if (item === undefined) return [];
  item.skip(...PROSE);
  const own = serversOf(item) ?? servers;
  const shared = item.maps('parameters').length > 0;
  const operations = METHODS.flatMap((method): Operation[] => {
    const key = method.toLowerCase();
    const operation = item.map(key);
    if (operation === undefined) return [];
    operation.skip(...PROSE, 'deprecated', 'responses');
    operation.lostIfThere({ callbacks: 'callbacks are requests that the service makes, not gets' });
    const name = operation.text('operationId') ?? `${key} ${path}`;
    const validated = operation.has('requestBody') || operation.maps('parameters').length > 0;
    if (validated || shared) tally.validated++;
    if (operation.has('security')) tally.secured++;
    operation.skip('requestBody', 'security');
    const at = operation.path;
    const served = serversOf(operation) ?? own;
    operation.rest(EXTENSION);
    return [{ path, method, name, servers: served, at }];
  });
  item.rest('this is no operation that a route can have');
  return operations;
}

/** The path item with what its `$ref` leads to; its own fields come first (OpenAPI 3.1). */
function resolved(written: Fields, document: Fields): Fields | undefined {
  let item = written;
  for (let count = 0; item.has('$ref'); count++) {
    const reference = item.text('$ref') ?? '';
    const target = reference.startsWith('#/') ? valueAt(document, reference) : undefined;
    if (!isMapping(target) || count === REFERENCES_MAX) {
      const where = reference.startsWith('#/') ? 'leads nowhere' : 'is outside of the document';
      written.notes.lost(written.at('$ref'), `${reference} ${where}`);
      return undefined;
    }
    const own = Object.fromEntries(
      item.keys.filter((key) => key !== '$ref').map((key) => [key, item.take(key)]),
    );
    item = new Fields({ ...target, ...own }, written.path, written.notes);
  }
  return item;
}

/** RFC 6901, in the form of a fragment. */
function valueAt(document: Fields, reference: string): unknown {
  const tokens = decodeURIComponentSafely(reference)
    .slice(2)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
  let value: unknown = document.take(tokens[0] ?? '');
  for (const token of tokens.slice(1)) {
    value = isMapping(value) && Object.hasOwn(value, token) ? value[token] : undefined;
  }
  return value;
}

function decodeURIComponentSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // No escape of a fragment: it then leads nowhere.
  }
}

function noteTally(document: Fields, components: Fields | undefined, tally: Tally): void {
  const { notes } = document;
  const schemes = components?.map('securitySchemes')?.keys ?? [];
  const hint = 'say who may call with an AuthenticationPolicy';
  if (schemes.length > 0) {
    notes.lost('components.securitySchemes', `${schemes.join(', ')}: not enforced; ${hint}`);
  }
  if (document.has('security')) document.lost('security', `not enforced; ${hint}`);
  if (tally.secured > 0) {
    notes.lost('paths', `security of ${operations(tally.secured)}: not enforced; ${hint}`);
  }
  if (tally.validated > 0) {
    const message = 'are not checked against their parameters and bodies';
    notes.lost('paths', `requests of ${operations(tally.validated)} ${message}`);
  }
}

function operations(count: number): string {
  return count === 1 ? 'one operation' : `${count} operations`;
}

import { createRequire } from 'node:module';
import type * as compiler from 'typebox/compile';
import type { TLocalizedValidationError } from 'typebox/error';
import { DEFAULT_NAMESPACE, LABEL, SUBDOMAIN, keyOf } from '../names.ts';
import { nearest } from '../nearest.ts';
import type { ResourceProblem } from '../problems.ts';
import { type Accepts, acceptsOf } from './accepts.ts';
import { likelyField } from './fields.ts';
import { type KindEntry, KINDS, type Resource, kindEntry } from './index.ts';
import { LATER_KINDS, isLaterField, isLaterValue } from './later.ts';

/**
 * `rest`: the resource without the fields that nobody knows, when that would be a valid one. It is
 * never applied; it lets what else is wrong with it be found in the same go.
 */
export type ReadResult =
  { ok: true; resource: Resource } | { ok: false; problems: ResourceProblem[]; rest?: Resource };

const PROBLEMS_PER_RESOURCE_MAX = 50;
/** No schema goes half as deep. */
const DEPTH_MAX = 64;
const require = createRequire(import.meta.url);
const acceptors = new Map<string, Accepts>();
const validators = new Map<string, compiler.Validator>();

function accepts(entry: KindEntry, document: object): boolean {
  let acceptor = acceptors.get(entry.kind);
  if (acceptor === undefined) {
    acceptor = acceptsOf(entry.schema);
    acceptors.set(entry.kind, acceptor);
  }
  return acceptor(document);
}

/** TypeBox's, which can say what is wrong; loaded by the first document that is not valid. */
function validatorOf(entry: KindEntry): compiler.Validator {
  let validator = validators.get(entry.kind);
  if (validator === undefined) {
    const { Compile } = require('typebox/compile') as typeof compiler;
    validator = Compile(entry.schema) as compiler.Validator;
    validators.set(entry.kind, validator);
  }
  return validator;
}

/**
 * Checks one parsed document against its kind's schema and gives it its default namespace. All
 * problems are returned at once. `where` names the document (file and number) when it has no
 * readable kind and name.
 */
export function readResource(document: unknown, where: string): ReadResult {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    return refuse(
      where,
      '',
      'invalid_value',
      'a resource is a mapping with apiVersion, kind and metadata',
    );
  }
  const { apiVersion, kind } = document as { apiVersion?: unknown; kind?: unknown };
  if (typeof kind !== 'string' || typeof apiVersion !== 'string') {
    const path = typeof kind === 'string' ? 'apiVersion' : 'kind';
    return refuse(where, path, 'missing_field', `${path} is missing or not a text`);
  }
  const label = nameIn(document, kind) ?? where;
  const entry = kindEntry(kind);
  if (entry === undefined || !isServed(entry, apiVersion)) {
    return unknownKind(label, apiVersion, kind, entry);
  }
  return readKnown(asKept(document, entry), entry, label);
}

function isServed(entry: KindEntry, apiVersion: string): boolean {
  return entry.apiVersion === apiVersion || entry.alsoServed?.includes(apiVersion) === true;
}

/** In the one version that is kept, without the status: that is ours to say, not the author's. */
function asKept(document: object, entry: KindEntry): object {
  const { status, ...written } = document as { status?: unknown; apiVersion?: unknown };
  if (status === undefined && written.apiVersion === entry.apiVersion) return document;
  return { ...written, apiVersion: entry.apiVersion };
}

function readKnown(document: object, entry: KindEntry, label: string): ReadResult {
  if (accepts(entry, document)) return checked(withNamespace(document, entry), entry, label);
  if (!isWithin(document, DEPTH_MAX)) {
    const message = `it is nested more than ${DEPTH_MAX} levels deep`;
    return refuse(label, '', 'invalid_value', message);
  }
  const validator = validatorOf(entry);
  if (validator.Check(document)) return checked(withNamespace(document, entry), entry, label);
  const errors = validator.Errors(document);
  const problems = toProblems(errors, document, entry, label);
  const known = withoutUnknown(document, errors);
  const rest = validator.Check(known) ? { rest: withNamespace(known, entry) } : {};
  return { ok: false, problems: problems.slice(0, PROBLEMS_PER_RESOURCE_MAX), ...rest };
}

/** What is written about wrong values, or copies them, goes down by recursion. */
function isWithin(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((each) => isWithin(each, levels - 1));
}

function withoutUnknown(document: object, errors: TLocalizedValidationError[]): object {
  const known = structuredClone(document);
  for (const error of errors) {
    if (error.keyword !== 'additionalProperties') continue;
    const owner = valueAt(known, error.instancePath);
    if (typeof owner !== 'object' || owner === null) continue;
    for (const field of error.params.additionalProperties) Reflect.deleteProperty(owner, field);
  }
  return known;
}

function checked(resource: Resource, entry: KindEntry, label: string): ReadResult {
  const findings = entry.check?.(resource as never) ?? [];
  if (findings.length === 0) return { ok: true, resource };
  return { ok: false, problems: findings.map((finding) => ({ resource: label, ...finding })) };
}

function refuse(
  resource: string,
  path: string,
  reason: ResourceProblem['reason'],
  message: string,
  hint?: string,
): { ok: false; problems: ResourceProblem[] } {
  return {
    ok: false,
    problems: [{ resource, path, reason, message, ...(hint === undefined ? {} : { hint }) }],
  };
}

function unknownKind(
  label: string,
  apiVersion: string,
  kind: string,
  entry: KindEntry | undefined,
): ReadResult {
  if (entry !== undefined) {
    return refuse(
      label,
      'apiVersion',
      'unknown_kind',
      `${kind} is not served as ${apiVersion}`,
      `write apiVersion: ${entry.apiVersion}`,
    );
  }
  if (LATER_KINDS.has(kind)) {
    return refuse(
      label,
      'kind',
      'not_supported_yet',
      `this version of Windrose does not serve ${kind} yet`,
    );
  }
  const hint = meant(
    nearest(
      kind,
      KINDS.map((each) => each.kind),
    ),
  ).hint;
  return refuse(label, 'kind', 'unknown_kind', `there is no kind ${kind} in ${apiVersion}`, hint);
}

function nameIn(document: object, kind: string): string | undefined {
  const metadata: unknown = (document as { metadata?: unknown }).metadata;
  if (typeof metadata !== 'object' || metadata === null) return undefined;
  const { name, namespace } = metadata as { name?: unknown; namespace?: unknown };
  if (typeof name !== 'string') return undefined;
  const cluster = kindEntry(kind)?.scope === 'Cluster';
  const space = typeof namespace === 'string' ? namespace : DEFAULT_NAMESPACE;
  return keyOf(cluster ? { kind, name } : { kind, namespace: space, name });
}

function withNamespace(document: object, entry: KindEntry): Resource {
  const resource = document as Resource;
  if (entry.scope === 'Cluster' || 'namespace' in resource.metadata) return resource;
  const { name, ...rest } = resource.metadata;
  return { ...resource, metadata: { name, namespace: DEFAULT_NAMESPACE, ...rest } } as Resource;
}

function toProblems(
  errors: TLocalizedValidationError[],
  document: object,
  entry: KindEntry,
  resource: string,
): ResourceProblem[] {
  const problems: ResourceProblem[] = [];
  for (const error of errors) {
    if (error.keyword === 'boolean' || error.keyword === 'anyOf') continue;
    problems.push(...toProblem(error, document, entry).map((found) => ({ resource, ...found })));
  }
  return problems;
}

type Finding = Omit<ResourceProblem, 'resource'>;

function toProblem(
  error: TLocalizedValidationError,
  document: object,
  { kind, schema }: KindEntry,
): Finding[] {
  const path = dotted(error.instancePath);
  if (error.keyword === 'additionalProperties') {
    return error.params.additionalProperties.map((field): Finding =>
      isLaterField(kind, field)
        ? {
            path: join(path, field),
            reason: 'not_supported_yet',
            message: `${field} is not supported by this version yet`,
          }
        : {
            path: join(path, field),
            reason: 'unknown_field',
            message: `there is no field ${field} here`,
            ...meant(likelyField(schema, error.instancePath, field)),
          },
    );
  }
  if (error.keyword === 'required') {
    return error.params.requiredProperties.map((field) => ({
      path: join(path, field),
      reason: 'missing_field',
      message: `${field} is required`,
    }));
  }
  const value = valueAt(document, error.instancePath);
  if (isLaterValue(kind, value)) {
    return [
      {
        path,
        reason: 'not_supported_yet',
        message: `${String(value)} is not supported by this version yet`,
      },
    ];
  }
  // What stands in a Secret is told to nobody.
  const shown = kind === 'Secret' ? 'the value' : show(value);
  const message = `${shown} ${expectation(error)}`;
  return [{ path, reason: 'invalid_value', message, ...formHint(error) }];
}

function meant(word: string | undefined): { hint?: string } {
  return word === undefined ? {} : { hint: `did you mean ${word}?` };
}

/** A regular expression says it exactly, a sentence says it to people. */
function formHint(error: TLocalizedValidationError): { hint?: string } {
  const pattern = error.keyword === 'pattern' ? String(error.params.pattern) : '';
  const words = 'lower-case letters, digits and dashes, a letter or digit at both ends';
  if (pattern === LABEL) return { hint: `write ${words}, at most 63 characters` };
  if (pattern === SUBDOMAIN) return { hint: `write ${words}, perhaps several with dots between` };
  return {};
}

function expectation(error: TLocalizedValidationError): string {
  if (error.keyword === 'enum')
    return `is not one of ${error.params.allowedValues.map(String).join(', ')}`;
  if (error.keyword === 'const') return `must be ${show(error.params.allowedValue)}`;
  if (error.keyword === 'pattern') return `does not have the form ${String(error.params.pattern)}`;
  return error.message;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function valueAt(document: object, pointer: string): unknown {
  let value: unknown = document;
  for (const token of pointer.split('/').slice(1)) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string, unknown>)[unescape(token)];
  }
  return value;
}

function unescape(token: string): string {
  return token.replaceAll('~1', '/').replaceAll('~0', '~');
}

/** `/spec/rules/0/name` (RFC 6901) as `spec.rules[0].name`. */
function dotted(pointer: string): string {
  return pointer.split('/').slice(1).map(unescape).reduce(join, '');
}

function join(path: string, token: string): string {
  if (/^[0-9]+$/.test(token)) return `${path}[${token}]`;
  return path === '' ? token : `${path}.${token}`;
}

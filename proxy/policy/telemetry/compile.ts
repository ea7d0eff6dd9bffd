import { DEFAULT_NAMESPACE, keyOf } from '#contracts/names.ts';
import { FIELD_VALUES_DEFAULT, type TelemetryPolicy } from '#contracts/resources/index.ts';
import type { Report } from '../../snapshot/report.ts';
import type { PolicyConfig } from '../kinds.ts';
import {
  NEW_REVISION_DEFAULT_MS,
  type RecordField,
  type RecordRules,
  SLOWER_THAN_DEFAULT_MS,
  type Sampling,
} from './config.ts';
import { PathTemplates, templateProblem } from './templates.ts';

type Spec = TelemetryPolicy['spec'];

/** They let whoever reads them act as somebody else: no record has them. */
const SECRET_HEADERS: ReadonlySet<string> = new Set([
  ...['authorization', 'proxy-authorization', 'cookie', 'set-cookie', 'x-api-key'],
  ...['x-amz-security-token', 'x-goog-iap-jwt-assertion', 'x-csrf-token', 'x-xsrf-token'],
]);

/**
 * What of a policy cannot be read is reported and left out: the rest, which may hide something, is
 * kept.
 */
export function compileTelemetry(policy: TelemetryPolicy, report: Report): PolicyConfig {
  const { name, namespace = DEFAULT_NAMESPACE } = policy.metadata;
  const { spec } = policy;
  const fields = compileFields(spec.fields ?? [], report);
  const records: RecordRules = Object.freeze({
    policy: keyOf({ kind: policy.kind, namespace, name }),
    sampling: spec.sampling === undefined ? undefined : compileSampling(spec.sampling, report),
    fields,
    readsResponse: fields.some((field) => field.of === 'response'),
    templates: compileTemplates(spec.pathTemplates, report),
    path: spec.path ?? 'Keep',
    clientAddress: spec.clientAddress ?? 'Keep',
  });
  return Object.freeze({ kind: 'TelemetryPolicy', records });
}

function compileSampling(sampling: NonNullable<Spec['sampling']>, report: Report): Sampling {
  const { percent, slowerThan, newRevision } = sampling;
  const read = (field: string, text: string | undefined): number | undefined =>
    text === undefined ? undefined : report.durationMs(`spec.sampling.${field}`, text);
  return Object.freeze({
    share: percent / 100,
    slowerThanMs: read('slowerThan', slowerThan) ?? SLOWER_THAN_DEFAULT_MS,
    newRevisionMs: read('newRevision', newRevision) ?? NEW_REVISION_DEFAULT_MS,
  });
}

function compileFields(
  fields: NonNullable<Spec['fields']>,
  report: Report,
): readonly RecordField[] {
  const names = new Set<string>();
  return Object.freeze(
    fields.flatMap(({ name, requestHeader, responseHeader, values }, index): RecordField[] => {
      const path = `spec.fields[${index}]`;
      if (names.has(name)) report.add(`${path}.name`, 'duplicate', `${name} stands twice here`);
      names.add(name);
      if ((requestHeader === undefined) === (responseHeader === undefined)) {
        const message = 'a field is either of a requestHeader or of a responseHeader';
        report.add(path, requestHeader === undefined ? 'missing_field' : 'conflict', message);
        return [];
      }
      const of = requestHeader === undefined ? 'response' : 'request';
      const header = (requestHeader ?? responseHeader ?? '').toLowerCase();
      if (SECRET_HEADERS.has(header)) {
        const message = `${header} holds a secret, which no record may have`;
        report.add(`${path}.${of}Header`, 'invalid_value', message);
        return [];
      }
      return [Object.freeze({ name, header, of, valuesMax: values ?? FIELD_VALUES_DEFAULT })];
    }),
  );
}

function compileTemplates(
  templates: readonly string[] | undefined,
  report: Report,
): PathTemplates | undefined {
  const good = templates?.filter((template, index) => {
    const problem = templateProblem(template);
    if (problem === undefined) return true;
    report.add(`spec.pathTemplates[${index}]`, 'invalid_value', problem);
    return false;
  });
  return good === undefined || good.length === 0 ? undefined : new PathTemplates(good);
}

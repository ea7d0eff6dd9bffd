/** What an import makes of documents: resources of ours, and what could not be carried over. */
import type { Resource } from '#contracts/resources/index.ts';
import { readResource } from '#contracts/resources/read.ts';
import {
  type Context,
  type ImportOptions,
  type KubeObject,
  ServiceIndex,
  type Source,
  type SourceDocument,
  kubeObject,
} from './context.ts';
import { isMapping } from './fields.ts';
import { INGRESS_V1, importIngresses } from './ingress.ts';
import { destinationRule, subsetsOf } from './istio-destination-rule.ts';
import { virtualService } from './istio-virtual-service.ts';
import { Names } from './names.ts';
import { type Note, Notes } from './notes.ts';
import { importOpenApi } from './openapi.ts';

export interface Imported {
  readonly resources: Resource[];
  readonly notes: Note[];
}

const ISTIO_GROUP = 'networking.istio.io/';
const ISTIO_VERSIONS = ['v1', 'v1beta1', 'v1alpha3'];

/** Translates all documents together: a Service among them tells ports, a subset its labels. */
export function importDocuments(
  documents: readonly SourceDocument[],
  options: ImportOptions,
): Imported {
  const notes = new Notes();
  const services = new ServiceIndex();
  const context: Context = { options, notes, names: new Names(), services };
  const openApi: SourceDocument[] = [];
  const objects = new Map<string, KubeObject[]>();
  for (const document of documents) {
    const what = whatIs(document.value);
    if (what.source !== undefined && what.source !== (options.source ?? what.source)) {
      notes.of(document.where).lost('', `this is no document of ${options.source ?? ''}`);
    } else if (what.kind === 'OpenAPI') {
      openApi.push(document);
    } else if (what.fault !== undefined) {
      notes.of(document.where).lost('', what.fault);
    } else {
      const object = kubeObject(document.value, document.where, context);
      if (object === undefined) continue;
      if (what.kind === 'Service') services.add(object);
      else objects.set(what.kind, [...(objects.get(what.kind) ?? []), object]);
    }
  }
  const rules = objects.get('DestinationRule') ?? [];
  const subsets = subsetsOf(rules);
  const resources: Resource[] = [
    ...openApi.flatMap(({ value, where }) => importOpenApi(value, where, context)),
    ...importIngresses(objects.get('Ingress') ?? [], context),
    ...(objects.get('VirtualService') ?? []).flatMap((each) =>
      virtualService(each, subsets, context),
    ),
    ...rules.flatMap((rule) => destinationRule(rule, context)),
  ];
  return { resources: resources.filter((each) => isValid(each, notes)), notes: notes.list };
}

/** What is beyond a limit of the standard or has a name that it does not allow is noted instead. */
function isValid(resource: Resource, notes: Notes): boolean {
  const read = readResource(resource, resource.kind);
  if (read.ok) return true;
  for (const problem of read.problems) {
    notes.of(problem.resource).lost(problem.path, `it would not be valid: ${problem.message}`);
  }
  return false;
}

/** What a document is, told by its content; `fault`: why it is nothing that is read. */
interface What {
  readonly source?: Source;
  readonly kind: string;
  readonly fault?: string;
}

function whatIs(value: unknown): What {
  if (!isMapping(value)) return { kind: '', fault: 'this is not a mapping' };
  const { openapi, swagger, kind, apiVersion } = value;
  if (typeof openapi === 'string' || typeof openapi === 'number') {
    if (/^3(\.|$)/.test(String(openapi))) return { source: 'openapi', kind: 'OpenAPI' };
    return { kind: '', fault: `OpenAPI ${openapi} is not read; 3.0 and 3.1 are` };
  }
  if (swagger !== undefined) {
    return { kind: '', fault: 'Swagger 2.0 is not read: convert it to OpenAPI 3' };
  }
  if (typeof kind !== 'string' || typeof apiVersion !== 'string') {
    return { kind: '', fault: 'this is neither OpenAPI nor an object of Kubernetes' };
  }
  const fault = `${kind} of ${apiVersion} is not read`;
  if (apiVersion === 'v1' && kind === 'Service') return { kind };
  if (kind === 'Ingress') {
    if (apiVersion === INGRESS_V1) return { source: 'ingress', kind };
    return { kind, fault: `${fault}; convert it to ${INGRESS_V1}` };
  }
  const isIstio =
    apiVersion.startsWith(ISTIO_GROUP) &&
    ISTIO_VERSIONS.includes(apiVersion.slice(ISTIO_GROUP.length));
  if (isIstio && (kind === 'VirtualService' || kind === 'DestinationRule')) {
    return { source: 'istio', kind };
  }
  if (isIstio && kind === 'Gateway') {
    return { kind, fault: `${fault}: write a Gateway of Gateway API with the same listeners` };
  }
  return { kind, fault };
}

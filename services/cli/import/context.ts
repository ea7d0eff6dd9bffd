import { DEFAULT_NAMESPACE } from '#contracts/names.ts';
import { Fields } from './fields.ts';
import type { Names } from './names.ts';
import type { Notes } from './notes.ts';

export const SOURCES = ['openapi', 'ingress', 'istio'] as const;
export type Source = (typeof SOURCES)[number];

/** `namespace/name`; the namespace may be left to the resource that refers to it. */
export interface NamedRef {
  readonly namespace?: string;
  readonly name: string;
}

export interface ImportOptions {
  /** Undefined: told by each document. */
  readonly source?: Source;
  /** What the routes of an OpenAPI document lead to. */
  readonly service?: NamedRef & { readonly port?: number };
  /** Parent of the routes instead of the one that a document names or that would be made. */
  readonly gateway?: NamedRef;
  /** Of what has no namespace by itself. */
  readonly namespace?: string;
  /** Of the routes of an OpenAPI document, instead of its title. */
  readonly name?: string;
  /** RFC 3339; undefined: faults are not carried over. */
  readonly faultExpires?: string;
}

export interface SourceDocument {
  /** The file and the number in it. */
  readonly where: string;
  readonly value: unknown;
}

/** What the translations of one import share. */
export interface Context {
  readonly options: ImportOptions;
  readonly notes: Notes;
  readonly names: Names;
  readonly services: ServiceIndex;
}

/** An object of Kubernetes, read as far as every kind has it. */
export interface KubeObject {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Read are apiVersion, kind and metadata; annotations are left to whoever wants them. */
  readonly fields: Fields;
  readonly annotations: Fields | undefined;
}

/** Undefined for what has no name. */
export function kubeObject(
  value: unknown,
  where: string,
  context: Context,
): KubeObject | undefined {
  const { kind = '', metadata } = value as { kind?: string; metadata?: Record<string, unknown> };
  const name = metadata?.['name'];
  const own = metadata?.['namespace'];
  const namespace =
    typeof own === 'string' ? own : (context.options.namespace ?? DEFAULT_NAMESPACE);
  if (typeof name !== 'string') {
    context.notes.of(where).lost('metadata.name', 'an object without a name cannot be read');
    return undefined;
  }
  const notes = context.notes.of(`${kind}/${namespace}/${name}`);
  const fields = new Fields(value, '', notes);
  fields.skip('apiVersion', 'kind', 'metadata', 'status');
  const annotations = new Fields(metadata, 'metadata', notes).map('annotations');
  annotations?.skip('kubectl.kubernetes.io/last-applied-configuration');
  return { kind, namespace, name, fields, annotations };
}

interface ServicePort {
  readonly name: string | undefined;
  readonly port: number;
}

/** The Services among the documents: they are not translated, they tell names of ports. */
export class ServiceIndex {
  readonly #ports = new Map<string, readonly ServicePort[]>();

  add({ namespace, name, fields }: KubeObject): void {
    const ports = fields.map('spec')?.maps('ports') ?? [];
    this.#ports.set(
      `${namespace}/${name}`,
      ports.flatMap((each) => {
        const port = each.number('port');
        return port === undefined ? [] : [{ name: each.text('name'), port }];
      }),
    );
  }

  named(namespace: string, name: string, port: string): number | undefined {
    return this.#ports.get(`${namespace}/${name}`)?.find((each) => each.name === port)?.port;
  }

  /** The port of a Service that has one only. */
  only(namespace: string, name: string): number | undefined {
    const ports = this.#ports.get(`${namespace}/${name}`) ?? [];
    return ports.length === 1 ? ports[0]?.port : undefined;
  }
}

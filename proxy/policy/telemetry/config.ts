import type { ResourceKey } from '#contracts/names.ts';
import type { PathTemplates } from './templates.ts';

/** A TelemetryPolicy: how the requests of its target are recorded. */
export interface RecordRules {
  readonly policy: ResourceKey;
  /** Undefined: every request is recorded. */
  readonly sampling: Sampling | undefined;
  readonly fields: readonly RecordField[];
  /** Some of the fields are of the response. */
  readonly readsResponse: boolean;
  readonly templates: PathTemplates | undefined;
  readonly path: 'Keep' | 'Template';
  readonly clientAddress: 'Keep' | 'Network' | 'Drop';
}

export interface Sampling {
  /** Share from 0 to 1 of the requests that nothing else keeps. */
  readonly share: number;
  readonly slowerThanMs: number;
  readonly newRevisionMs: number;
}

export interface RecordField {
  readonly name: string;
  /** Lower case. */
  readonly header: string;
  readonly of: 'request' | 'response';
  /** Different values that a worker records within an hour. */
  readonly valuesMax: number;
}

export const SLOWER_THAN_DEFAULT_MS = 1_000;
export const NEW_REVISION_DEFAULT_MS = 60_000;

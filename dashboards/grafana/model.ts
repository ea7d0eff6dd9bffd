/** A board as we write it: panels say what they ask and how it is shown. */

/** Grafana's names of units. */
export type Unit =
  'short' | 'reqps' | 'percentunit' | 'ms' | 's' | 'bytes' | 'Bps' | 'cps' | 'none';

export interface SqlQuery {
  /** `A` when absent. A node graph wants `nodes` and `edges`. */
  refId?: string;
  sql: string;
}

/** A panel asks either ClickHouse or Prometheus. */
export interface PromQuery {
  refId?: string;
  promql: string;
  /** Name of each line: text with `{{label}}`. */
  legend?: string;
}
export type Query = SqlQuery | PromQuery;

interface PanelBase {
  title: string;
  /** One or two sentences: what it shows, and from whose side. */
  description: string;
  /** Columns of 24, and rows of 30 pixels. */
  width: number;
  height: number;
  queries: Query[];
}

export interface TimeSeries extends PanelBase {
  kind: 'timeseries';
  unit: Unit;
  stacked?: boolean;
  /** Its axis may go below 0. */
  signed?: boolean;
  /** Series name → colour, where a colour has a meaning. */
  colors?: Readonly<Record<string, string>>;
}

export interface Stat extends PanelBase {
  kind: 'stat';
  unit: Unit;
  /** From which value on it is shown amber and red. */
  thresholds?: { amber: number; red: number };
}

export interface Link {
  /** Its uid. */
  board: string;
  /** The variable there that takes the value of the cell. */
  variable?: string;
}

export interface Table extends PanelBase {
  kind: 'table';
  /** Column → unit. */
  units: Readonly<Record<string, Unit>>;
  /** Of Prometheus: label, or `Value #` and refId, → column, in their order. */
  columns?: Readonly<Record<string, string>>;
  /** Of Prometheus: values that only tell rows apart. */
  hidden?: readonly string[];
  /** Columns shown as a bar of the largest. */
  bars?: readonly string[];
  /** Columns that hold a state of health, in its colour. */
  states?: readonly string[];
  /** Column → where its cells lead. */
  links?: Readonly<Record<string, Link>>;
}

export interface NodeGraph extends PanelBase {
  kind: 'nodeGraph';
}

/**
 * Its query yields a time and a column for each line, from the lowest up, named by its upper bound.
 */
export interface Heatmap extends PanelBase {
  kind: 'heatmap';
  unit: Unit;
}

export type Panel = TimeSeries | Stat | Table | NodeGraph | Heatmap;

export interface Row {
  title: string;
  panels: Panel[];
}

export type Variable =
  | { kind: 'query'; name: string; label: string; description: string; sql: string }
  /** The values that a label of a series of Prometheus has. */
  | { kind: 'labels'; name: string; label: string; description: string; series: string; of: string }
  | { kind: 'words'; name: string; label: string; description: string; words: string[] };

export interface Board {
  uid: string;
  title: string;
  description: string;
  variables: Variable[];
  rows: Row[];
}

/**
 * A board as Grafana reads it: ids, places on the grid and the many fields that it expects are
 * filled in here.
 */
import { stateText } from '#contracts/health/judge.ts';
import { HEALTH_STATES } from '#contracts/health/rules.ts';
import { ANNOTATIONS } from './annotations.ts';
import { isSql } from './queries.ts';
import { linkUrl } from './links.ts';
import { STATE_COLORS } from './sql.ts';
import type { Board, Link, Panel, Query, Row, Stat, Table } from './model.ts';
import { DATASOURCE, PROMETHEUS, renderAnnotation, renderVariable } from './render-variables.ts';
import { POINTS_MAX } from './sql.ts';

const COLUMNS = 24;
const SCHEMA_VERSION = 41;
type Json = Record<string, unknown>;
type LinkUrl = (link: Link) => string;

/**
 * The board as Grafana's JSON. The same for the same board, byte for byte. Throws for a link that
 * leads to none of `boards`.
 */
export function renderBoard(board: Board, boards: readonly Board[]): Json {
  const url = (link: Link): string => linkUrl(link, board, boards);
  return {
    uid: board.uid,
    title: board.title,
    description: board.description,
    tags: ['windrose'],
    schemaVersion: SCHEMA_VERSION,
    editable: true,
    graphTooltip: 1,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    timezone: 'browser',
    links: [
      {
        type: 'dashboards',
        title: 'Windrose',
        tags: ['windrose'],
        keepTime: true,
        asDropdown: false,
      },
    ],
    templating: { list: board.variables.map(renderVariable) },
    annotations: { list: ANNOTATIONS.map(renderAnnotation) },
    panels: renderRows(board.rows, url),
  };
}

function renderRows(rows: readonly Row[], url: LinkUrl): Json[] {
  const panels: Json[] = [];
  let y = 0;
  const nextId = (): number => panels.length + 1;
  for (const row of rows) {
    const gridPos = { x: 0, y, w: COLUMNS, h: 1 };
    panels.push({
      id: nextId(),
      type: 'row',
      title: row.title,
      collapsed: false,
      gridPos,
      panels: [],
    });
    y++;
    let x = 0;
    let height = 0;
    for (const panel of row.panels) {
      if (x + panel.width > COLUMNS) {
        y += height;
        x = 0;
        height = 0;
      }
      const place = { x, y, w: panel.width, h: panel.height };
      panels.push({ id: nextId(), ...renderPanel(panel, url), gridPos: place });
      x += panel.width;
      height = Math.max(height, panel.height);
    }
    y += height;
  }
  return panels;
}

function renderPanel(panel: Panel, url: LinkUrl): Json {
  const ofClickHouse = panel.queries.every(isSql);
  return {
    type: panel.kind,
    title: panel.title,
    description: panel.description,
    datasource: ofClickHouse ? DATASOURCE : PROMETHEUS,
    // The rollups' step, or that of scrapes: a shorter interval has nothing to show.
    interval: ofClickHouse ? '10s' : '15s',
    ...(isOverTime(panel) ? { maxDataPoints: POINTS_MAX } : {}),
    fieldConfig: fieldConfigOf(panel, url),
    options: optionsOf(panel),
    targets: panel.queries.map((query) => renderTarget(panel, query)),
    ...(panel.kind === 'table' && panel.columns && { transformations: columnsOf(panel) }),
  };
}

function renderTarget(panel: Panel, query: Query): Json {
  const { refId = 'A' } = query;
  const isRange = isOverTime(panel);
  if (!isSql(query)) {
    return {
      refId,
      datasource: PROMETHEUS,
      editorMode: 'code',
      expr: query.promql,
      legendFormat: query.legend ?? '__auto',
      range: isRange,
      instant: !isRange,
      format: panel.kind === 'table' ? 'table' : 'time_series',
    };
  }
  return {
    refId,
    datasource: DATASOURCE,
    editorType: 'sql',
    queryType: isRange ? 'timeseries' : 'table',
    format: isRange ? 0 : 1,
    rawSql: query.sql,
  };
}

/** The answers of several queries of Prometheus side by side, by the labels that they share. */
function columnsOf({ columns = {}, hidden = [] }: Table): Json[] {
  const excludeByName = Object.fromEntries(['Time', ...hidden].map((name) => [name, true]));
  const indexByName = Object.fromEntries(Object.keys(columns).map((name, index) => [name, index]));
  return [
    { id: 'merge', options: {} },
    { id: 'organize', options: { excludeByName, indexByName, renameByName: columns } },
  ];
}

function isOverTime({ kind }: Panel): boolean {
  return kind === 'timeseries' || kind === 'heatmap';
}

function fieldConfigOf(panel: Panel, url: LinkUrl): Json {
  switch (panel.kind) {
    case 'timeseries':
      return {
        defaults: {
          unit: panel.unit,
          ...(panel.signed === true ? {} : { min: 0 }),
          color: { mode: 'palette-classic' },
          custom: {
            drawStyle: 'line',
            lineWidth: 1,
            fillOpacity: panel.stacked === true ? 40 : 5,
            showPoints: 'never',
            stacking: { mode: panel.stacked === true ? 'normal' : 'none', group: 'A' },
          },
        },
        overrides: Object.entries(panel.colors ?? {}).map(([name, fixedColor]) =>
          override(name, [{ id: 'color', value: { mode: 'fixed', fixedColor } }]),
        ),
      };
    case 'stat':
      return {
        defaults: { unit: panel.unit, color: { mode: 'thresholds' }, thresholds: stepsOf(panel) },
        overrides: [],
      };
    case 'table':
      return {
        defaults: { custom: { align: 'auto', filterable: true } },
        overrides: overridesOf(panel, url),
      };
    case 'heatmap':
    case 'nodeGraph':
      return { defaults: {}, overrides: [] };
    default:
      return panel satisfies never;
  }
}

/** States as people read them, in their colours. */
const STATE_TEXTS = Object.fromEntries(
  HEALTH_STATES.map((state, index) => [
    state,
    { text: stateText(state), color: STATE_COLORS[state], index },
  ]),
);

/** What is said of single columns: their units, and then where their cells lead. */
function overridesOf({ units, bars, states, links }: Table, url: LinkUrl): Json[] {
  const bar = { id: 'custom.cellOptions', value: { type: 'gauge', mode: 'basic' } };
  const numbers = Object.entries(units).map(([name, unit]) =>
    override(name, [{ id: 'unit', value: unit }, ...(bars?.includes(name) === true ? [bar] : [])]),
  );
  const leading = Object.entries(links ?? {}).map(([name, link]) =>
    override(name, [{ id: 'links', value: [{ title: 'Open', url: url(link) }] }]),
  );
  const mappings = [{ type: 'value', options: STATE_TEXTS }];
  const cellOptions = { type: 'color-text' };
  const coloured = (states ?? []).map((name) =>
    override(name, [
      { id: 'mappings', value: mappings },
      { id: 'custom.cellOptions', value: cellOptions },
    ]),
  );
  return [...numbers, ...coloured, ...leading];
}

function override(name: string, properties: Json[]): Json {
  return { matcher: { id: 'byName', options: name }, properties };
}

function stepsOf({ thresholds }: Stat): Json {
  const steps: Json[] = [{ color: 'green', value: null }];
  if (thresholds !== undefined) {
    steps.push({ color: 'orange', value: thresholds.amber });
    steps.push({ color: 'red', value: thresholds.red });
  }
  return { mode: 'absolute', steps };
}

function optionsOf(panel: Panel): Json {
  switch (panel.kind) {
    case 'timeseries':
      return {
        legend: { displayMode: 'table', placement: 'bottom', calcs: ['mean', 'max'] },
        tooltip: { mode: 'multi', sort: 'desc' },
      };
    case 'stat':
      return {
        reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
        colorMode: 'value',
        graphMode: 'none',
        textMode: 'auto',
      };
    case 'table':
      return { showHeader: true, cellHeight: 'sm' };
    case 'heatmap':
      return {
        calculate: false,
        rowsFrame: { layout: 'le' },
        color: { mode: 'scheme', scheme: 'Oranges', scale: 'exponential', exponent: 0.5 },
        cellGap: 1,
        // Empty cells stay empty, so that rare slow requests stand out.
        filterValues: { le: 1e-9 },
        cellValues: { unit: panel.unit },
        yAxis: { axisPlacement: 'left', reverse: false },
        legend: { show: true },
        tooltip: { mode: 'single', yHistogram: true, showColorScale: true },
      };
    case 'nodeGraph':
      return {
        layoutAlgorithm: 'layered',
        nodes: {
          mainStatUnit: 'reqps',
          secondaryStatUnit: 'percentunit',
        },
        edges: { mainStatUnit: 'reqps', secondaryStatUnit: 'ms' },
      };
    default:
      return panel satisfies never;
  }
}

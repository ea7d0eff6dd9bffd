import { readFileSync, readdirSync } from 'node:fs';
import { parse } from 'yaml';
import { meshDatabase } from '#contracts/tables.ts';
import { describe, expect, test } from 'vitest';
import { BOARDS, queriesOf } from '../../../../dashboards/grafana/boards.ts';
import { BOARDS_FOLDER, generatedFiles } from '../../../../dashboards/grafana/generate.ts';
import { linkUrl } from '../../../../dashboards/grafana/links.ts';
import type { Board } from '../../../../dashboards/grafana/model.ts';
import { isSql } from '../../../../dashboards/grafana/queries.ts';
import { DATASOURCE, PROMETHEUS } from '../../../../dashboards/grafana/render-variables.ts';
import { renderBoard } from '../../../../dashboards/grafana/render.ts';

const boards = Object.values(BOARDS);
const read = (path: string): string => readFileSync(new URL(path, BOARDS_FOLDER), 'utf8');

describe('the boards on disk', () => {
  test('are what `node dashboards/grafana/generate.ts` writes', () => {
    const generated = generatedFiles();
    expect(readdirSync(BOARDS_FOLDER).toSorted()).toEqual([...generated.keys()].toSorted());
    for (const [name, text] of generated) expect(read(name)).toBe(text);
  });
});

describe.each(boards)('the board $title', (board) => {
  const panels = board.rows.flatMap((row) => row.panels);

  test('explains every panel and every variable', () => {
    const titles = panels.map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
    const mute = [...panels, ...titled(board.variables)].filter(
      ({ description }) => description.length < 10,
    );
    expect(mute).toEqual([]);
  });

  test('lays its panels out without gaps beyond the grid or overlaps', () => {
    const { panels: placed } = renderBoard(board, boards) as {
      panels: { id: number; title: string; gridPos: Record<'x' | 'y' | 'w' | 'h', number> }[];
    };
    expect(new Set(placed.map(({ id }) => id)).size).toBe(placed.length);
    const tooWide = placed.filter(({ gridPos }) => gridPos.x + gridPos.w > 24);
    expect(tooWide).toEqual([]);
    const cells = placed.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
  });

  test('asks a provisioned data source, in a form that it reads', () => {
    const { panels: placed } = renderBoard(board, boards) as {
      panels: {
        type: string;
        datasource: object;
        targets?: { datasource: object; format: unknown; rawSql?: string; expr?: string }[];
      }[];
    };
    const targets = placed.flatMap((panel) => panel.targets ?? []);
    expect(targets).toHaveLength(panels.flatMap((panel) => panel.queries).length);
    for (const panel of placed) {
      const isTime = panel.type === 'timeseries' || panel.type === 'heatmap';
      for (const { datasource, expr, format, rawSql } of panel.targets ?? []) {
        expect(datasource).toEqual(panel.datasource);
        if (expr === undefined) {
          expect(datasource).toEqual(DATASOURCE);
          expect(rawSql).toMatch(/^SELECT /);
          expect(format).toBe(isTime ? 0 : 1);
        } else {
          expect([datasource, rawSql]).toEqual([PROMETHEUS, undefined]);
          expect(format).toBe(panel.type === 'table' ? 'table' : 'time_series');
        }
      }
    }
  });

  test('has a unit for every number that a table names one for', () => {
    const wrong = panels.flatMap((panel) => {
      if (panel.kind !== 'table') return [];
      const text = [
        ...panel.queries.filter(isSql).map(({ sql }) => sql),
        ...Object.values(panel.columns ?? {}).map((column) => `AS "${column}"`),
      ].join('\n');
      const columns = [...Object.keys(panel.units), ...(panel.bars ?? [])];
      const absent = columns.filter((column) => !text.includes(`AS "${column}"`));
      return absent.map((column) => `${panel.title}: ${column}`);
    });
    expect(wrong).toEqual([]);
  });

  test('has a description and a unit on every panel', () => {
    const { panels: placed } = renderBoard(board, boards) as { panels: RenderedPanel[] };
    const shown = placed.filter(({ type }) => type !== 'row');
    expect(shown).toHaveLength(panels.length);
    const without = shown.filter(
      (panel) => (panel.description ?? '').length < 20 || unitsOf(panel).length === 0,
    );
    expect(without.map(({ title }) => title)).toEqual([]);
  });

  test('marks revisions on the time axis', () => {
    const { annotations } = renderBoard(board, boards) as {
      annotations: { list: { name: string; datasource: object; target: { rawSql: string } }[] };
    };
    expect(annotations.list.map(({ name }) => name)).toEqual(['Revisions']);
    for (const { datasource, target } of annotations.list) {
      expect(datasource).toEqual(DATASOURCE);
      expect(target.rawSql).toMatch(/AS time, .* AS text, .* AS tags/);
    }
  });

  test('leads to every other board, and its cells to boards and variables that there are', () => {
    const { links, panels: placed } = renderBoard(board, boards) as {
      links: { type: string; tags: string[]; keepTime: boolean }[];
      panels: RenderedPanel[];
    };
    const tagged = boards.filter((other) => {
      const { tags } = renderBoard(other, boards) as { tags: string[] };
      return links.some((link) => link.keepTime && link.tags.every((tag) => tags.includes(tag)));
    });
    expect(tagged).toEqual(boards);
    for (const panel of placed) {
      for (const { column, url } of cellLinksOf(panel)) {
        expect(panel.targets?.[0]?.rawSql).toContain(`AS "${column}"`);
        const [, uid, query = ''] = /^\/d\/([\w-]+)\?(.*)$/.exec(url) ?? [];
        const names = boards.find((other) => other.uid === uid)?.variables.map(({ name }) => name);
        expect(names, url).toBeDefined();
        for (const part of query.split('&')) {
          const [, variable] = /^var-(\w+)=\$\{__value\.raw:percentencode\}$/.exec(part) ?? [];
          const [, kept] = /^\$\{(\w+):queryparam\}$/.exec(part) ?? [];
          if (part === '${__url_time_range}') continue;
          expect(names, `${panel.title}: ${url}`).toContain(variable ?? kept);
        }
      }
    }
  });

  test('bounds every question by time', () => {
    const unbounded = queriesOf(board).filter(
      ({ sql }) => !/\$__timeFilter|\$__fromTime|\$__toTime/.test(sql),
    );
    expect(unbounded).toEqual([]);
  });
});

test('a link to no board or to no variable of it is refused', () => {
  const [board] = boards as [Board];
  expect(() => linkUrl({ board: 'windrose-gone' }, board, boards)).toThrow('links to no board');
  const link = { board: board.uid, variable: 'gone' };
  expect(() => linkUrl(link, board, boards)).toThrow('has no variable gone');
});

test('a link keeps the time and what both boards can choose', () => {
  const consumers = boards.find(({ uid }) => uid === 'windrose-consumers') as Board;
  const link = { board: 'windrose-latency', variable: 'route' };
  expect(linkUrl(link, consumers, boards)).toBe(
    '/d/windrose-latency?var-route=${__value.raw:percentencode}' +
      '&${direction:queryparam}&${consumer:queryparam}&${__url_time_range}',
  );
});

interface RenderedPanel {
  type: string;
  title: string;
  description?: string;
  fieldConfig?: {
    defaults: { unit?: string };
    overrides: { matcher: { options: string }; properties: { id: string; value: unknown }[] }[];
  };
  options?: {
    cellValues?: { unit?: string };
    nodes?: { mainStatUnit?: string };
    edges?: { mainStatUnit?: string };
  };
  targets?: { rawSql: string }[];
}

function unitsOf({ fieldConfig, options }: RenderedPanel): unknown[] {
  const properties = fieldConfig?.overrides.flatMap((override) => override.properties) ?? [];
  return [
    fieldConfig?.defaults.unit,
    options?.cellValues?.unit,
    options?.nodes?.mainStatUnit,
    ...properties.filter(({ id }) => id === 'unit').map(({ value }) => value),
  ].filter((unit) => unit !== undefined);
}

function cellLinksOf({ fieldConfig }: RenderedPanel): { column: string; url: string }[] {
  return (fieldConfig?.overrides ?? []).flatMap(({ matcher, properties }) =>
    properties
      .filter(({ id }) => id === 'links')
      .flatMap(({ value }) =>
        (value as { url: string }[]).map(({ url }) => ({ column: matcher.options, url })),
      ),
  );
}

function titled(variables: readonly { label: string; description: string }[]) {
  return variables.map(({ label, description }) => ({ title: label, description }));
}

describe('the provisioning files', () => {
  test('name the data source that the boards ask, with the database of the demo', () => {
    const { datasources } = parse(read('../provisioning/datasources/windrose.yaml')) as {
      datasources: { uid: string; type: string; jsonData: { defaultDatabase: string } }[];
    };
    expect(datasources).toHaveLength(1);
    expect(datasources[0]).toMatchObject(DATASOURCE);
    expect(datasources[0]?.jsonData.defaultDatabase).toBe(meshDatabase('demo'));
    const prometheus = parse(read('../provisioning/datasources/prometheus.yaml')) as {
      datasources: { isDefault: boolean }[];
    };
    expect(prometheus.datasources).toMatchObject([{ ...PROMETHEUS, isDefault: false }]);
  });

  test('look for the boards where the compose file puts them', () => {
    const { providers } = parse(read('../provisioning/dashboards/windrose.yaml')) as {
      providers: { options: { path: string } }[];
    };
    const compose = parse(read('../../../infra/compose/compose.yaml')) as {
      services: { grafana: { volumes: string[]; environment: Record<string, string> } };
    };
    const { environment, volumes } = compose.services.grafana;
    expect(providers.map(({ options }) => options.path)).toEqual(['/var/lib/grafana/boards']);
    expect(volumes).toContain('../../dashboards/grafana/boards:/var/lib/grafana/boards:ro');
    const used = ['windrose', 'prometheus'].flatMap((name) => [
      ...read(`../provisioning/datasources/${name}.yaml`).matchAll(/: \$(\w+)$/gm),
    ]);
    expect(used).toHaveLength(3);
    for (const [, name = ''] of used) expect(environment).toHaveProperty(name);
  });
});

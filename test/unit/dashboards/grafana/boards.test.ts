import { readFileSync, readdirSync } from 'node:fs';
import { parse } from 'yaml';
import { meshDatabase } from '#contracts/tables.ts';
import { describe, expect, test } from 'vitest';
import { BOARDS, queriesOf } from '../../../../dashboards/grafana/boards.ts';
import { BOARDS_FOLDER, generatedFiles } from '../../../../dashboards/grafana/generate.ts';
import { DATASOURCE, renderBoard } from '../../../../dashboards/grafana/render.ts';

const read = (path: string): string => readFileSync(new URL(path, BOARDS_FOLDER), 'utf8');

describe('the boards on disk', () => {
  test('are what `node dashboards/grafana/generate.ts` writes', () => {
    const generated = generatedFiles();
    expect(readdirSync(BOARDS_FOLDER).toSorted()).toEqual([...generated.keys()].toSorted());
    for (const [name, text] of generated) expect(read(name)).toBe(text);
  });
});

describe.each(Object.values(BOARDS))('the board $title', (board) => {
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
    const { panels: placed } = renderBoard(board) as {
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

  test('asks the provisioned data source, in a form that it reads', () => {
    const { panels: placed } = renderBoard(board) as {
      panels: {
        type: string;
        targets?: { datasource: object; format: number; rawSql: string }[];
      }[];
    };
    const targets = placed.flatMap((panel) => panel.targets ?? []);
    expect(targets).toHaveLength(panels.flatMap((panel) => panel.queries).length);
    for (const { datasource, rawSql } of targets) {
      expect(datasource).toEqual(DATASOURCE);
      expect(rawSql).toMatch(/^SELECT /);
    }
    const times = placed.filter(({ type }) => type === 'timeseries' || type === 'heatmap');
    expect(times.flatMap((panel) => panel.targets?.map(({ format }) => format))).toEqual(
      times.map(() => 0),
    );
  });

  test('has a unit for every number that a table names one for', () => {
    const wrong = panels.flatMap((panel) => {
      if (panel.kind !== 'table') return [];
      const text = panel.queries.map(({ sql }) => sql).join('\n');
      const columns = [...Object.keys(panel.units), ...(panel.bars ?? [])];
      const absent = columns.filter((column) => !text.includes(`AS "${column}"`));
      return absent.map((column) => `${panel.title}: ${column}`);
    });
    expect(wrong).toEqual([]);
  });

  test('bounds every question by time', () => {
    const unbounded = queriesOf(board).filter(
      ({ sql }) => !/\$__timeFilter|\$__fromTime|\$__toTime/.test(sql),
    );
    expect(unbounded).toEqual([]);
  });
});

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
    const used = read('../provisioning/datasources/windrose.yaml').matchAll(/: \$(\w+)$/gm);
    for (const [, name = ''] of used) expect(environment).toHaveProperty(name);
  });
});

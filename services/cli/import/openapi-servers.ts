import type { Fields } from './fields.ts';
import { isHostname } from './names.ts';
import { literalPath } from './paths.ts';

/** Where a document's paths begin. */
export interface ApiServer {
  /** Undefined: at any host. */
  readonly host: string | undefined;
  /** `/v1`; empty for the root. */
  readonly base: string;
}

/** More combinations of the values of a server's variables are not listed. */
const COMBINATIONS_MAX = 16;
const ANYWHERE: ApiServer = Object.freeze({ host: undefined, base: '' });
const DEFAULT_PORTS: Readonly<Record<string, string>> = {
  http: '80',
  https: '443',
  ws: '80',
  wss: '443',
};

/** The servers that an owner (document, path or operation) lists; undefined when it lists none. */
export function serversOf(owner: Fields): ApiServer[] | undefined {
  const listed = owner.maps('servers');
  if (listed.length === 0) return undefined;
  const servers = listed.flatMap(serverUrls).flatMap(({ url, path }) => {
    const server = readUrl(url, path, owner);
    return server === undefined ? [] : [server];
  });
  if (servers.length > 0) return servers;
  const message = 'none of the servers can be the host of a route: it is any host, from the root';
  owner.notes.differs(owner.at('servers'), message);
  return [ANYWHERE];
}

/** The URLs of one server: one for each combination of its variables' values. */
function serverUrls(server: Fields): { url: string; path: string }[] {
  server.skip('description', 'name');
  const path = server.at('url');
  const written = server.text('url') ?? '/';
  const variables = server.map('variables');
  let urls = [written];
  for (const [, name = ''] of written.matchAll(/\{([^{}]*)\}/g)) {
    const variable = variables?.map(name);
    const values = variable === undefined ? [] : valuesOf(variable);
    if (values.length === 0) {
      server.notes.lost(path, `nothing says what {${name}} stands for`);
      urls = [];
      break;
    }
    urls = urls.flatMap((url) => values.map((value) => url.replaceAll(`{${name}}`, value)));
  }
  server.rest();
  if (urls.length > COMBINATIONS_MAX) {
    const message = `of ${urls.length} combinations ${COMBINATIONS_MAX} are listed`;
    server.notes.lost(path, message);
  }
  return urls.slice(0, COMBINATIONS_MAX).map((url) => ({ url, path }));
}

/** The default first. */
function valuesOf(variable: Fields): string[] {
  variable.skip('description');
  const standard = variable.text('default');
  const others = variable.texts('enum');
  variable.rest();
  if (others.length === 0 && standard !== undefined) {
    const message = `it may have any value: only its default ${standard} is carried over`;
    variable.notes.differs(variable.path, message);
  }
  return [...new Set(standard === undefined ? others : [standard, ...others])];
}

function readUrl(url: string, path: string, { notes }: Fields): ApiServer | undefined {
  const parts = /^(?:([a-z][a-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(.*)$/i.exec(url);
  const [, scheme = '', authority = '', base = '', after = ''] = parts ?? [];
  if (after !== '') notes.lost(path, `${after} is no part of where paths begin`);
  const read = basePath(base, scheme !== '' || authority !== '');
  if (!read.ok) {
    notes.lost(path, read.message);
    return undefined;
  }
  if (read.relative) {
    const message = `${url} is relative to where the document lies: it is taken from the root`;
    notes.differs(path, message);
  }
  if (authority === '') return { host: undefined, base: read.base };
  const [, host = '', port] = /^(.*?)(?::([0-9]+))?$/.exec(authority.toLowerCase()) ?? [];
  if (!isHostname(host)) {
    notes.lost(path, `${host} is no DNS name, and a route is for DNS names only`);
    return undefined;
  }
  if (port !== undefined && port !== DEFAULT_PORTS[scheme.toLowerCase()]) {
    notes.note(path, `the port ${port} is that of the Gateway's listener, not of the route`);
  }
  return { host, base: read.base };
}

type Base = { ok: true; base: string; relative: boolean } | { ok: false; message: string };

function basePath(written: string, isAbsolute: boolean): Base {
  const relative = !isAbsolute && !written.startsWith('/');
  const path = `/${written.replace(/^\.?\//, '')}`.replace(/\/+$/, '');
  if (path === '' || path === '/.') return { ok: true, base: '', relative };
  const literal = literalPath('PathPrefix', path);
  return literal.ok ? { ok: true, base: literal.match.value, relative } : literal;
}

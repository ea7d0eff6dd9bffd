const SUFFIX = ['svc', 'cluster', 'local'];

/**
 * `namespace/name` of the Service that a host names, whether there is one or not; undefined when
 * the host has no form of a Service's name: `name`, `name.namespace`, `name.namespace.svc` or
 * `name.namespace.svc.cluster.local`. A short name lies in the caller's namespace.
 */
export function serviceOfHost(host: string, namespace: string): string | undefined {
  const dot = host.indexOf('.');
  if (dot === -1) return host === '' ? undefined : `${namespace}/${host}`;
  const [name, space, ...rest] = host.split('.', 6);
  const known = rest.length === 0 || rest.length === 1 || rest.length === 3;
  if (!known || rest.some((label, at) => label !== SUFFIX[at])) return undefined;
  return name === '' || space === '' ? undefined : `${space}/${name}`;
}

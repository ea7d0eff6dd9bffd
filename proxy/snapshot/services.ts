import { isIP } from 'node:net';
import { type ResourceKey, SUBDOMAIN } from '#contracts/names.ts';
import type { EndpointSlice, Mesh, Service } from '#contracts/resources/index.ts';
import { SERVICE_NAME_LABEL } from '#contracts/resources/index.ts';
import { type ListenerSettings, MESH_LISTENER_DEFAULT } from '../listener/settings.ts';
import type { FaultConfig } from '../policy/fault/config.ts';
import type { TrafficConfig } from '../policy/kinds.ts';
import type { RecordRules } from '../policy/telemetry/config.ts';
import { TRAFFIC_DEFAULT } from '../policy/traffic/compile.ts';
import { AddressRules, parseCidr } from '../upstream/addresses.ts';
import type { DeclaredEndpoint } from '../upstream/settings.ts';
import { SECURITY_KINDS } from '../policy/kinds.ts';
import { isHttp2, isOpaque, isTcp } from './app-protocol.ts';
import { backendTlsOf } from './backend-tls.ts';
import type { CompiledService, Security, ServicePort } from './compiled.ts';
import { policiesOf, securityOf } from './policies.ts';
import { nameOf, namespaceOf, serviceKey } from './refs.ts';
import type { Report } from './report.ts';
import { type MeshUnit, THE_MESH } from './units.ts';
import { type View, resourceAt } from './view.ts';

const DNS_NAME = new RegExp(SUBDOMAIN);

export function compileService(service: Service, view: View, report: Report): CompiledService {
  const name = nameOf(service);
  const key = serviceKey(name);
  checkPorts(service, report);
  const ports = service.spec.ports.filter(isTcp).map((port): ServicePort => {
    const { name: portName = '' } = port;
    const tls = backendTlsOf(view, key, portName);
    return Object.freeze({
      ...{ port: port.port, name: portName, isHttp2: isHttp2(port), isOpaque: isOpaque(port) },
      ...(tls === undefined ? {} : { tls }),
    });
  });
  let traffic: TrafficConfig = TRAFFIC_DEFAULT;
  let fault: FaultConfig | undefined;
  let listener: ListenerSettings = MESH_LISTENER_DEFAULT;
  let records: RecordRules | undefined;
  for (const { config } of policiesOf(view, key, undefined)) {
    if (config?.kind === 'TrafficPolicy') traffic = config.traffic;
    else if (config?.kind === 'FaultPolicy') fault = config.fault;
    else if (config?.kind === 'ListenerPolicy') listener = config.mesh;
    else if (config?.kind === 'TelemetryPolicy') records = config.records;
  }
  return Object.freeze({
    name,
    ports: Object.freeze(ports),
    declared: Object.freeze([...externalOf(service, view, report), ...declaredOf(service, view)]),
    traffic,
    fault,
    listener,
    records,
    security: closedByPorts(key, view, securityOf(view, [[key, undefined]])),
  });
}

function checkPorts({ spec: { ports } }: Service, report: Report): void {
  ports.forEach(({ port, name = '', protocol = 'TCP' }, index) => {
    const path = `spec.ports[${index}]`;
    const before = ports.slice(0, index);
    if (before.some((other) => other.port === port && (other.protocol ?? 'TCP') === protocol)) {
      report.add(`${path}.port`, 'duplicate', `port ${port} stands twice here`);
    }
    if (name === '' && ports.length > 1) {
      report.add(`${path}.name`, 'missing_field', 'one of several ports needs a name');
    } else if (before.some((other) => other.name === name)) {
      report.add(`${path}.name`, 'duplicate', `another port is called ${name}`);
    }
  });
}

/** A security policy for one port, which cannot be kept yet, closes the Service: never open. */
function closedByPorts(key: ResourceKey, view: View, security: Security): Security {
  const ofPorts = view.attached(key).filter((entry) => {
    const unit = SECURITY_KINDS.has(entry.resource.kind) ? view.compiled(entry.key) : undefined;
    if (unit?.kind !== 'policy') return false;
    return unit.policy.targets.some((target) => target.key === key && target.section !== undefined);
  });
  if (ofPorts.length === 0) return security;
  const unavailable = [...security.unavailable, ...ofPorts.map((entry) => entry.key)];
  return Object.freeze({ ...security, unavailable: Object.freeze(unavailable) });
}

/** Where an ExternalName leads: each port of the Service is one there. */
function externalOf({ spec }: Service, view: View, report: Report): DeclaredEndpoint[] {
  const { externalName } = spec;
  const path = 'spec.externalName';
  if (spec.type !== 'ExternalName') {
    if (externalName === undefined) return [];
    const hint = 'write spec.type: ExternalName';
    report.add(path, 'invalid_value', 'only a Service of type ExternalName has one', hint);
    return [];
  }
  if (externalName === undefined) {
    report.add(path, 'missing_field', 'a Service of type ExternalName names a host or an address');
    return [];
  }
  if (!checkHost(externalName, path, new AddressRules(meshOf(view).cidrs), report)) return [];
  return spec.ports.filter(isTcp).map(({ port, targetPort, name: portName = '' }) =>
    Object.freeze({
      ...{ address: externalName, portName, proxy: '', zone: '' },
      port: typeof targetPort === 'number' ? targetPort : port,
    }),
  );
}

/** A host is a name, whose addresses are checked when they are known, or an address. */
function checkHost(host: string, path: string, rules: AddressRules, report: Report): boolean {
  if (isIP(host) !== 0) return checkAllowed(host, path, rules, report);
  if (DNS_NAME.test(host)) return true;
  report.add(path, 'invalid_value', `${host} is no DNS name and no address`);
  return false;
}

function declaredOf(service: Service, view: View): DeclaredEndpoint[] {
  return view.attached(serviceKey(nameOf(service))).flatMap(({ key }) => {
    const unit = view.compiled(key);
    return unit?.kind === 'slice' ? unit.endpoints : [];
  });
}

/** The ready endpoints of a slice, one for each address and port. */
export function compileSlice(
  slice: EndpointSlice,
  view: View,
  report: Report,
): readonly DeclaredEndpoint[] {
  const name = slice.metadata.labels?.[SERVICE_NAME_LABEL];
  if (name === undefined) {
    const message = `the label ${SERVICE_NAME_LABEL} says whose endpoints these are`;
    report.add('metadata.labels', 'missing_field', message);
    return [];
  }
  const service = resourceAt(view, 'Service', serviceKey(`${namespaceOf(slice)}/${name}`));
  if (service === undefined) {
    const path = `metadata.labels.${SERVICE_NAME_LABEL}`;
    report.add(path, 'missing_reference', `there is no Service ${name} here`);
    return [];
  }
  slice.ports.forEach(({ name: portName = '' }, index) => {
    if (service.spec.ports.some((port) => (port.name ?? '') === portName)) return;
    const message = `the Service ${name} has no port with the name "${portName}"`;
    report.add(`ports[${index}].name`, 'invalid_reference', message);
  });
  const rules = new AddressRules(meshOf(view).cidrs);
  const tcpPorts = slice.ports.filter(isTcp);
  return (slice.endpoints ?? []).flatMap((endpoint, index) => {
    const addresses = endpoint.addresses.filter((address, number) =>
      checkAddress(slice, address, `endpoints[${index}].addresses[${number}]`, rules, report),
    );
    if (endpoint.conditions?.ready === false) return [];
    return addresses.flatMap((address) =>
      tcpPorts.map(({ port, name: portName = '' }) =>
        Object.freeze({ address, port, portName, proxy: '', zone: endpoint.zone ?? '' }),
      ),
    );
  });
}

function checkAddress(
  slice: EndpointSlice,
  address: string,
  path: string,
  rules: AddressRules,
  report: Report,
): boolean {
  if (slice.addressType === 'FQDN' && isIP(address) === 0) {
    return checkHost(address, path, rules, report);
  }
  const version = { IPv4: 4, IPv6: 6, FQDN: undefined }[slice.addressType];
  if (isIP(address) !== version) {
    report.add(path, 'invalid_value', `${address} is no ${slice.addressType} address`);
    return false;
  }
  return checkAllowed(address, path, rules, report);
}

function checkAllowed(address: string, path: string, rules: AddressRules, report: Report): boolean {
  if (rules.allows(address)) return true;
  const hint = 'add its network to spec.endpointCidrs of the Mesh';
  report.add(path, 'invalid_value', `${address} may not be an endpoint in this mesh`, hint);
  return false;
}

const NO_MESH: MeshUnit = Object.freeze({ cidrs: undefined, allowsUnknownHosts: false });

/** What the Mesh resource that governs says, or the defaults. */
export function meshOf(view: View): MeshUnit {
  const oldest = view.attached(THE_MESH)[0];
  const unit = oldest === undefined ? undefined : view.compiled(oldest.key);
  return unit?.kind === 'mesh' ? unit.mesh : NO_MESH;
}

export function compileMesh(mesh: Mesh, view: View, report: Report): MeshUnit {
  const oldest = view.attached(THE_MESH)[0];
  if (oldest !== undefined && oldest.resource !== mesh) {
    const message = `there is one Mesh, and ${oldest.resource.metadata.name} is older`;
    report.add('', 'conflict', message);
  }
  const cidrs = mesh.spec.endpointCidrs?.flatMap((text, index) => {
    const cidr = parseCidr(text);
    if (cidr !== undefined) return [cidr];
    const path = `spec.endpointCidrs[${index}]`;
    report.add(path, 'invalid_value', `${text} is no network`, 'write one such as 10.0.0.0/8');
    return [];
  });
  const allowsUnknownHosts = mesh.spec.outbound?.unknownHosts === 'Allow';
  return Object.freeze({ cidrs, allowsUnknownHosts });
}

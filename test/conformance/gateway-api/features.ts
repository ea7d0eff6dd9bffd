/** The suite's vocabulary of what an implementation may support, and what its tests make of it. */
import { SUITE, type SuiteTest } from './suite.ts';

interface Feature {
  name: string;
  level: 'core' | 'extended';
}

const CORE = [
  ...['Gateway', 'ReferenceGrant', 'HTTPRoute', 'GRPCRoute', 'TLSRoute', 'Mesh'],
] as const;

const EXTENDED = [
  ...['GatewayPort8080', 'GatewayStaticAddresses', 'GatewayAddressEmpty'],
  ...['GatewayHTTPListenerIsolation', 'GatewayHTTPSListenerDetectMisdirectedRequests'],
  ...['GatewayRouteHostnameIntersectionPrecedence', 'GatewayInfrastructure'],
  ...['GatewayBackendClientCertificate', 'GatewayFrontendClientCertificateValidation'],
  'GatewayFrontendClientCertificateValidationInsecureFallback',
  ...['GatewayAddressRoutability', 'GatewayAddressRoutabilityCluster', 'GatewayListenerFilters'],
  ...['ListenerSet', 'BackendTLSPolicy', 'BackendTLSPolicySANValidation', 'ClusterTrustBundle'],
  ...['HTTPRouteMethodMatching', 'HTTPRouteQueryParamMatching', 'HTTPRouteNamedRouteRule'],
  ...['HTTPRouteParentRefPort', 'HTTPRouteDestinationPortMatching'],
  ...['HTTPRouteBackendRequestHeaderModification', 'HTTPRouteResponseHeaderModification'],
  ...['HTTPRoutePortRedirect', 'HTTPRouteSchemeRedirect', 'HTTPRoutePathRedirect'],
  ...['HTTPRoute303RedirectStatusCode', 'HTTPRoute307RedirectStatusCode'],
  ...['HTTPRoute308RedirectStatusCode', 'HTTPRouteHostRewrite', 'HTTPRoutePathRewrite'],
  ...['HTTPRouteBackendURLRewrite', 'HTTPRouteRequestMirror', 'HTTPRouteRequestMultipleMirrors'],
  ...['HTTPRouteRequestPercentageMirror', 'HTTPRouteCORS', 'HTTPRouteRequestTimeout'],
  ...['HTTPRouteBackendTimeout', 'HTTPRouteRetryCodes', 'HTTPRouteRetryConnectionError'],
  ...['HTTPRouteBackendProtocolH2C', 'HTTPRouteBackendProtocolWebSocket'],
  ...['GRPCRouteNamedRouteRule', 'GRPCRouteRequestHeaderModifier'],
  ...['TLSRouteModeTerminate', 'TLSRouteModeMixed', 'TCPRoute', 'UDPRoute'],
  ...['MeshClusterIPMatching', 'MeshConsumerRoute', 'MeshHTTPRouteRewritePath'],
  ...['MeshHTTPRouteSchemeRedirect', 'MeshHTTPRouteRedirectPort', 'MeshHTTPRouteRedirectPath'],
  ...['MeshHTTPRouteBackendRequestHeaderModification', 'MeshHTTPRouteQueryParamMatching'],
  'MeshHTTPRouteNamedRouteRule',
] as const;

export const FEATURES: readonly Feature[] = [
  ...CORE.map((name): Feature => ({ name, level: 'core' })),
  ...EXTENDED.map((name): Feature => ({ name, level: 'extended' })),
];

const byRarity = new Map(
  FEATURES.map(({ name }) => [name, SUITE.filter((test) => test.features.includes(name)).length]),
);

/** A test is first of all one of the feature that the fewest tests have. */
function ownFeature({ features }: SuiteTest): string {
  const rarity = (name: string): number => byRarity.get(name) ?? 0;
  return features.toSorted((a, b) => rarity(a) - rarity(b))[0] ?? '';
}

interface FeatureResult extends Feature {
  passed: number;
  /** Names of tests that were run and failed. */
  failed: readonly string[];
  /** Tests that were not run. */
  left: readonly SuiteTest[];
  verdict: 'yes' | 'no' | 'untested';
}

/** What it is about cannot be done here, though one of its tests can be passed. */
const UNCLAIMED: ReadonlySet<string> = new Set(['GatewayInfrastructure']);

/** A feature is supported when tests of its own were run and none of them failed. */
export function resultsOf(passed: ReadonlySet<string>): FeatureResult[] {
  return FEATURES.map((feature) => {
    const own = SUITE.filter((test) => ownFeature(test) === feature.name);
    const left = own.filter(({ reason }) => reason !== undefined);
    const run = own.filter(({ reason }) => reason === undefined);
    const failed = run.filter(({ name }) => !passed.has(name)).map(({ name }) => name);
    const isClaimed = !UNCLAIMED.has(feature.name);
    const isSupported = isClaimed && run.length > 0 && failed.length === 0;
    return {
      ...{ ...feature, failed, left, passed: run.length - failed.length },
      verdict: own.length === 0 ? 'untested' : isSupported ? 'yes' : 'no',
    };
  });
}

const named = (pattern: RegExp): string[] => EXTENDED.filter((name) => pattern.test(name));
const GATEWAY = ['Gateway', 'ReferenceGrant'];
const GATEWAY_EXTENDED = named(/^Gateway|^ListenerSet|^ClusterTrustBundle|^BackendTLSPolicy/);

/** The suite's profiles: a test is of one when it has no other features (GEP-1709). */
const PROFILES: Readonly<Record<string, { core: string[]; extended: string[] }>> = {
  'GATEWAY-HTTP': {
    core: [...GATEWAY, 'HTTPRoute'],
    extended: [...GATEWAY_EXTENDED, ...named(/^HTTPRoute/)],
  },
  'GATEWAY-GRPC': { core: [...GATEWAY, 'GRPCRoute'], extended: GATEWAY_EXTENDED },
  'GATEWAY-TLS': {
    core: [...GATEWAY, 'TLSRoute'],
    extended: [...GATEWAY_EXTENDED, ...named(/^TLSRoute/)],
  },
  'GATEWAY-TCP': { core: [...GATEWAY, 'TCPRoute'], extended: GATEWAY_EXTENDED },
  'MESH-HTTP': { core: ['Mesh', 'HTTPRoute'], extended: named(/^Mesh/) },
  'MESH-GRPC': { core: ['Mesh', 'GRPCRoute'], extended: named(/^Mesh/) },
};

/** Of each profile, the tests of its core and the others: passed, of all that are run. */
function profileRows(passed: ReadonlySet<string>): string[][] {
  const share = (tests: readonly SuiteTest[]): string => {
    const run = tests.filter(({ reason }) => reason === undefined);
    return `${run.filter(({ name }) => passed.has(name)).length} of ${run.length}`;
  };
  return Object.entries(PROFILES).map(([name, { core, extended }]) => {
    const all = new Set([...core, ...extended]);
    const own = SUITE.filter(({ features }) => features.every((feature) => all.has(feature)));
    const isCore = ({ features }: SuiteTest): boolean =>
      features.every((feature) => core.includes(feature));
    const rest = own.filter((test) => !isCore(test));
    return [name, share(own.filter(isCore)), share(rest)];
  });
}

const NO_TEST = 'the suite has no test of it';

/** The tables of README.md, in Markdown. */
export function render(passed: ReadonlySet<string>): string {
  const results = resultsOf(passed);
  const rows = results.map((result) => {
    const tests = result.passed + result.failed.length;
    const notes = [
      ...(result.failed.length > 0 ? [`failed: ${result.failed.join(', ')}`] : []),
      ...(result.verdict === 'untested' ? [NO_TEST] : []),
      ...(result.left.length > 0 ? [`${result.left.length} not run, see below`] : []),
    ];
    const verdict = result.verdict === 'untested' ? '–' : result.verdict;
    return [result.name, result.level, verdict, `${result.passed} of ${tests}`, notes.join('; ')];
  });
  const supported = (level: Feature['level']): string => {
    const all = results.filter((result) => result.level === level && result.verdict !== 'untested');
    const yes = all.filter(({ verdict }) => verdict === 'yes');
    return `${yes.length} of ${all.length} ${level} features`;
  };
  const left = SUITE.filter(({ reason }) => reason !== undefined);
  const run = SUITE.filter(({ reason }) => reason === undefined);
  const passing = run.filter(({ name }) => passed.has(name));
  const summary = [
    `${passing.length} of ${run.length} tests pass;`,
    `${left.length} of the suite's ${SUITE.length} are not run.`,
    `${supported('core')}, ${supported('extended')}.`,
  ].join(' ');
  return [
    summary,
    table(['profile', 'core tests passed', 'extended tests passed'], profileRows(passed)),
    table(['feature', 'level', 'supported', 'tests passed', 'notes'], rows),
    table(
      ['test that is not run', 'why'],
      left.map(({ name, reason = '' }) => [name, reason]),
    ),
  ].join('\n\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

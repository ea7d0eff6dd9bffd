import { BlockList, isIP } from 'node:net';

/** Where the cloud's metadata servers live: never an endpoint, whatever a mesh allows. */
const LINK_LOCAL = new BlockList();
LINK_LOCAL.addSubnet('169.254.0.0', 16, 'ipv4');
LINK_LOCAL.addSubnet('fe80::', 10, 'ipv6');
/** Not an address of anybody: unspecified, multicast and broadcast. */
const NOBODY = new BlockList();
NOBODY.addSubnet('0.0.0.0', 8, 'ipv4');
NOBODY.addSubnet('224.0.0.0', 3, 'ipv4');
NOBODY.addAddress('::', 'ipv6');
NOBODY.addSubnet('ff00::', 8, 'ipv6');

/** IPv4 written as IPv6. */
const MAPPED = new BlockList();
MAPPED.addSubnet('::ffff:0:0', 96, 'ipv6');

export interface Cidr {
  address: string;
  prefix: number;
  family: 'ipv4' | 'ipv6';
}

/** `127.0.0.0/8`; undefined when the text is no CIDR. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.lastIndexOf('/');
  const address = text.slice(0, Math.max(slash, 0));
  const version = isIP(address);
  const digits = text.slice(slash + 1);
  const prefix = Number(digits);
  if (version === 0 || !/^[0-9]{1,3}$/.test(digits)) return undefined;
  if (prefix > (version === 4 ? 32 : 128)) return undefined;
  return { address, prefix, family: version === 4 ? 'ipv4' : 'ipv6' };
}

/** Where endpoints of a mesh may be (Mesh.endpointCidrs; SAFETY.md class 15). */
export class AddressRules {
  readonly #allowed: Record<Cidr['family'], BlockList> | undefined;

  /** Undefined: everywhere but link-local. */
  constructor(cidrs: readonly Cidr[] | undefined) {
    if (cidrs === undefined) return;
    // Two lists: one alone takes IPv4 addresses as part of ::/0.
    this.#allowed = { ipv4: new BlockList(), ipv6: new BlockList() };
    for (const { address, prefix, family } of cidrs) {
      this.#allowed[family].addSubnet(address, prefix, family);
    }
  }

  allows(address: string): boolean {
    const version = isIP(address);
    if (version === 0) return false;
    const family = version === 4 ? 'ipv4' : 'ipv6';
    if (LINK_LOCAL.check(address, family) || NOBODY.check(address, family)) return false;
    if (this.#allowed === undefined) return true;
    const isIpv4 = version === 4 || MAPPED.check(address, 'ipv6');
    return this.#allowed[isIpv4 ? 'ipv4' : 'ipv6'].check(address, family);
  }
}

/** As records and people read it; an IPv6 address in brackets. */
export function endpointName(endpoint: { address: string; port: number }): string {
  const { address, port } = endpoint;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

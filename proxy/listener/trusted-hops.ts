import { BlockList } from 'node:net';
import { HEADERS } from '#contracts/headers.ts';
import type { HeaderList } from '../headers.ts';
import { trimSpace } from '../http1/bytes.ts';
import type { Cidr } from '../upstream/addresses.ts';
import {
  type ForwardedElement,
  forwardedHost,
  forwardedNode,
  parseForwarded,
  readForwardedFor,
} from './forwarded.ts';
import { readAuthority } from './host.ts';

export type ForwardingHeader = 'XForwardedFor' | 'Forwarded';

/** What is believed of the way behind a trusted hop; further back nobody looks. */
const HOPS_MAX = 20;
const PORT = /^[0-9]{1,5}$/;

/** The proxies in front that are believed when they say whom a request comes from. */
export class TrustedHops {
  readonly cidrs: readonly string[];
  /** The one field that they write; undefined: whichever is there. */
  readonly header: ForwardingHeader | undefined;
  readonly #networks = new BlockList();

  constructor(cidrs: readonly Cidr[], header: ForwardingHeader | undefined) {
    this.header = header;
    this.cidrs = Object.freeze(cidrs.map(({ address, prefix }) => `${address}/${prefix}`));
    for (const { address, prefix, family } of cidrs) {
      this.#networks.addSubnet(address, prefix, family);
    }
    Object.freeze(this);
  }

  has(address: string): boolean {
    if (address === '' || address.includes('%')) return false;
    return this.#networks.check(address, address.includes(':') ? 'ipv6' : 'ipv4');
  }
}

/** Whom a request comes from, and what the upstream is told of that. */
export interface Origin {
  clientAddress: string;
  /** How the client came to the first hop. */
  scheme: 'http' | 'https';
  /** X-Forwarded-Host: as the client wrote it, with its port. */
  host: string;
  /** X-Forwarded-Port; undefined: nobody told it. */
  port: string | undefined;
  /** X-Forwarded-For and Forwarded: from the client to the peer. */
  forwardedFor: string;
  forwarded: string;
}

/** What the connection itself tells. */
export interface Peer {
  address: string;
  host: string;
  scheme: 'http' | 'https';
}

/** Of a peer that is not trusted: it is the client, whatever it says of others. */
export function originOfPeer({ address, host, scheme }: Peer): Origin {
  return {
    clientAddress: address,
    scheme,
    host,
    port: undefined,
    forwardedFor: address,
    forwarded: elementFor(address, host, scheme),
  };
}

/**
 * Of a trusted peer. Its list is read from the right, over the hops that are trusted, to the first
 * address that is not: that is the client. What stands left of it the client made up, and it goes
 * no further. What cannot be read is not believed, and neither is what lies behind it.
 */
export function originBehind(peer: Peer, received: HeaderList, hops: TrustedHops): Origin {
  const named = received.get(HEADERS.forwardedFor);
  const written = received.get(HEADERS.forwarded);
  const elements = written === undefined ? [] : vouchedElements(written, hops);
  const source = hops.header ?? (named === undefined && written !== undefined ? 'Forwarded' : '');
  const told = addressesOf(elements);
  if (source === 'Forwarded')
    return chained(peer, told, elements, toldByForwarded(peer, elements[0]));
  const addresses = named === undefined ? [] : vouchedAddresses(named, hops);
  const kept = told.join() === addresses.join() ? elements : [];
  const others = toldByForwarded(peer, kept[0]);
  return chained(peer, addresses, kept, {
    scheme: schemeOf(received.get(HEADERS.forwardedProto)) ?? others.scheme,
    host: hostOf(received.get(HEADERS.forwardedHost)) ?? others.host,
    port: portOf(received.get(HEADERS.forwardedPort)),
  });
}

type Told = Pick<Origin, 'scheme' | 'host' | 'port'>;

/** What the first hop says in Forwarded of the client's request, else what the peer's tells. */
function toldByForwarded(peer: Peer, first: ForwardedElement | undefined): Told {
  return {
    scheme: schemeOf(first?.proto) ?? peer.scheme,
    host: first?.host || peer.host,
    port: undefined,
  };
}

function chained(
  peer: Peer,
  addresses: readonly string[],
  elements: readonly ForwardedElement[],
  told: Told,
): Origin {
  const before = elements.map(({ text }) => text);
  if (before.length === 0) {
    addresses.forEach((address, index) => {
      const isClient = index === 0;
      before.push(
        isClient ? elementFor(address, told.host, told.scheme) : `for=${forwardedNode(address)}`,
      );
    });
  }
  return {
    ...told,
    clientAddress: addresses[0] ?? peer.address,
    forwardedFor: [...addresses, peer.address].join(', '),
    forwarded: [...before, elementFor(peer.address, peer.host, peer.scheme)].join(', '),
  };
}

function elementFor(address: string, host: string, scheme: string): string {
  const named = host === '' ? '' : `;host=${forwardedHost(host)}`;
  return `for=${forwardedNode(address)}${named};proto=${scheme}`;
}

/** From the client on, in the order of the list. */
function vouchedAddresses(list: string, hops: TrustedHops): string[] {
  const addresses: string[] = [];
  let end = list.length;
  while (end >= 0 && addresses.length < HOPS_MAX) {
    const comma = end === 0 ? -1 : list.lastIndexOf(',', end - 1);
    const address = readForwardedFor(trimSpace(list.slice(comma + 1, end)));
    if (address === undefined) break;
    addresses.push(address);
    if (!hops.has(address)) break;
    end = comma;
  }
  return addresses.reverse();
}

/** From the client's on. A hop that hides whom it serves ends what can be known. */
function vouchedElements(field: string, hops: TrustedHops): readonly ForwardedElement[] {
  const elements = parseForwarded(field) ?? [];
  let from = elements.length;
  while (from > 0 && elements.length - from < HOPS_MAX) {
    from--;
    const address = elements[from]?.address ?? '';
    if (address === '' || !hops.has(address)) break;
  }
  return elements.slice(from);
}

function addressesOf(elements: readonly ForwardedElement[]): string[] {
  return elements.flatMap(({ address }) => (address === '' ? [] : [address]));
}

function schemeOf(text: string | undefined): 'http' | 'https' | undefined {
  const scheme = text?.toLowerCase();
  return scheme === 'http' || scheme === 'https' ? scheme : undefined;
}

function hostOf(text: string | undefined): string | undefined {
  return text !== undefined && readAuthority(text).ok ? text : undefined;
}

function portOf(text: string | undefined): string | undefined {
  return text !== undefined && PORT.test(text) && Number(text) <= 65_535 ? text : undefined;
}

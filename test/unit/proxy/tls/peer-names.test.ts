import { X509Certificate } from 'node:crypto';
import { issueCertificate } from '#platform/x509.ts';
import { alternativeNames } from '#proxy/tls/peer-names.ts';
import { expect, test } from 'vitest';

const URI = 'spiffe://mesh.example/ns/shop/sa/app';

test.each([
  ['names of both kinds', ['a.example', '10.0.0.1'], [URI], ['a.example'], [URI]],
  ['a comma in a URI', [], ['spiffe://a/b, DNS:b.example'], [], ['spiffe://a/b, DNS:b.example']],
  ['a quote in a name', ['a".example'], [URI], ['a".example'], [URI]],
  ['a backslash', ['a\\'], [URI], ['a\\'], [URI]],
])('reads %s as one name, as node writes it', (_name, hosts, uris, dns, uri) => {
  const { cert } = issueCertificate({ name: 'x', hosts, uris });
  const text = new X509Certificate(cert).subjectAltName ?? '';
  expect(alternativeNames(text)).toEqual({ dns, uri });
});

test.each(['DNS', 'DNS:a"b', 'DNS:"a', 'DNS:a.example,URI:x', 'DNS:"\\q"'])(
  'believes nothing of %s',
  (text) => {
    expect(alternativeNames(`URI:spiffe://a/b, ${text}`)).toEqual({ dns: [], uri: [] });
  },
);

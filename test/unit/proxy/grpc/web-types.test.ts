import { webCallOf, webType } from '#proxy/grpc/web.ts';
import { HeaderList } from '#proxy/headers.ts';
import { expect, test } from 'vitest';

const WEB = 'application/grpc-web';

function callOf(contentType: string | undefined, accept?: string, method = 'POST') {
  const headers = HeaderList.fromRaw(accept === undefined ? [] : ['Accept', accept]);
  return webCallOf(method, contentType, headers);
}

test.each([
  [WEB, false, ''],
  [`${WEB}+proto`, false, '+proto'],
  [`${WEB}+json; charset=utf-8`, false, '+json'],
  [`${WEB};charset=utf-8`, false, ''],
  [`${WEB}-text`, true, ''],
  [`${WEB}-text+proto`, true, '+proto'],
  [`${WEB}-text-base64`, true, ''],
])('the content type %s: text %s, messages %s', (type, isText, messages) => {
  expect(callOf(type)).toEqual({ isTextIn: isText, isTextOut: isText, messages });
});

test.each([undefined, '', 'application/grpc', 'application/grpc+proto', `${WEB}x`, `${WEB}-texts`])(
  'no call of gRPC-Web: %s',
  (type) => {
    expect(callOf(type)).toBeUndefined();
  },
);

test.each(['GET', 'HEAD', 'PUT', 'CONNECT'])('nor is %s', (method) => {
  expect(callOf(WEB, undefined, method)).toBeUndefined();
});

test.each([
  [WEB, undefined, false],
  [WEB, '*/*', false],
  [WEB, `${WEB}-text`, true],
  [WEB, `text/html, ${WEB}-text+proto;q=0.9`, true],
  [`${WEB}-text`, undefined, true],
  [`${WEB}-text`, '*/*', true],
  [`${WEB}-text`, WEB, false],
  [`${WEB}-text`, `${WEB}+proto, ${WEB}-text`, false],
  [`${WEB}-text`, `${WEB}-text, ${WEB}`, true],
])('the request %s with Accept %s is answered in text: %s', (type, accept, isText) => {
  expect(callOf(type, accept)?.isTextOut).toBe(isText);
});

test('the answer names the messages as the service does, or as the client did', () => {
  const web = { isTextIn: false, isTextOut: false, messages: '+proto' };
  expect(webType(web)).toBe(`${WEB}+proto`);
  expect(webType(web, '+json')).toBe(`${WEB}+json`);
  expect(webType({ ...web, isTextOut: true }, '')).toBe(`${WEB}-text+proto`);
});

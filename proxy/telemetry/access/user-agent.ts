const KNOWN: readonly (readonly [RegExp, string])[] = [
  [/bot\b|crawl|spider/i, 'bot'],
  [/^curl\//i, 'curl'],
  [/^wget\//i, 'wget'],
  [/^(node|undici)\b/i, 'node'],
  [/^axios\//i, 'axios'],
  [/^python-requests\//i, 'python-requests'],
  [/^(python-httpx|python-urllib|aiohttp|python)\b/i, 'python'],
  [/^go-http-client\//i, 'go'],
  [/^okhttp\//i, 'okhttp'],
  [/^(java|apache-httpclient)\b/i, 'java'],
  [/^grpc-/i, 'grpc'],
  [/^postmanruntime\//i, 'postman'],
  [/\bedg(e|a|ios)?\//i, 'edge'],
  [/\b(opr|opera)\//i, 'opera'],
  [/\b(firefox|fxios)\//i, 'firefox'],
  [/\b(chrome|crios|chromium)\//i, 'chrome'],
  [/\bsafari\//i, 'safari'],
];
const LOOKED_AT_CHARS = 512;
const REMEMBERED_MAX = 1_024;

/**
 * The family of a user agent, one of a closed list: clients write the header, so its text must not
 * become a column of few values.
 */
export class UserAgents {
  readonly #families = new Map<string, string>();
  #last = '';
  #lastFamily = '';

  familyOf(header: string | undefined): string {
    if (header === undefined || header === '') return '';
    if (header === this.#last) return this.#lastFamily;
    const family = this.#families.get(header) ?? this.#classify(header);
    if (header.length <= LOOKED_AT_CHARS) {
      this.#last = header;
      this.#lastFamily = family;
    }
    return family;
  }

  #classify(header: string): string {
    const text = header.slice(0, LOOKED_AT_CHARS);
    const family = KNOWN.find(([pattern]) => pattern.test(text))?.[1] ?? 'other';
    if (this.#families.size >= REMEMBERED_MAX) this.#families.clear();
    if (header.length <= LOOKED_AT_CHARS) this.#families.set(header, family);
    return family;
  }
}

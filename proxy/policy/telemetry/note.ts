import type { Exchange } from '../../exchange.ts';
import type { HeaderList } from '../../headers.ts';

/** Keeps what the exchange's rules record of its response, one text for each such field. */
export function noteResponse(exchange: Exchange, headers: HeaderList): void {
  const { records } = exchange;
  if (records === undefined || !records.readsResponse) return;
  exchange.noted = records.fields.map(({ header, of }) =>
    of === 'response' ? (headers.get(header) ?? '') : '',
  );
}

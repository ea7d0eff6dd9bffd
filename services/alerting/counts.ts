/** What was counted for objectives, whatever they count. */
import { type CountsRequest, type Query, type WindowCounts, readRequests } from './rollup.ts';
import { isSliced, readSlices } from './slices.ts';

/** In the order of the requests; `untilMs` as `readRequests` takes it. */
export async function readCounts(
  query: Query,
  requests: readonly CountsRequest[],
  untilMs: number,
): Promise<WindowCounts[]> {
  const plain = requests.filter((request) => !isSliced(request));
  const sliced = requests.filter(isSliced);
  const [ofRequests, ofSlices] = await Promise.all([
    readRequests(query, plain, untilMs),
    readSlices(query, sliced, untilMs),
  ]);
  const found = new Map<CountsRequest, WindowCounts>();
  plain.forEach((request, i) => found.set(request, ofRequests[i] ?? new Map()));
  sliced.forEach((request, i) => found.set(request, ofSlices[i] ?? new Map()));
  return requests.map((request) => found.get(request) ?? new Map());
}

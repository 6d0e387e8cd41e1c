import { type Labels, Matcher, type MatchType, type ProtoReader, type ProtoWriter } from '@avalanche/model';
import { V1 } from '../proto/messages.ts';

/** Field numbers of `prometheus.ReadRequest`, its answers, and what is in them. */
export const READ = {
  request: { queries: 1, acceptedTypes: 2 },
  query: { start: 1, end: 2, matchers: 3 },
  matcher: { type: 1, name: 2, value: 3 },
  response: { results: 1 },
  result: { timeseries: 1 },
  chunked: { series: 1, queryIndex: 2 },
  chunkedSeries: { labels: 1, chunks: 2 },
  chunk: { minTime: 1, maxTime: 2, type: 3, data: 4 },
} as const;

/** Kinds of answers. */
export const SAMPLES = 0;
export const STREAMED_XOR_CHUNKS = 1;

export const SAMPLES_TYPE = 'application/x-protobuf';
export const CHUNKS_TYPE = 'application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse';

/** The encoding of a chunk of floats. */
export const XOR = 1;

/** What one query of a request asks for; times in milliseconds, both ends included. */
export interface ReadQuery {
  readonly start: number;
  readonly end: number;
  readonly matchers: readonly Matcher[];
}

export interface ReadRequest {
  readonly queries: readonly ReadQuery[];
  readonly acceptedTypes: readonly number[];
}

/** Types of matchers by their number. */
const TYPES: readonly MatchType[] = ['=', '!=', '=~', '!~'];

/** @throws ProtoError, or Error for a matcher that is none */
export function decodeReadRequest(reader: ProtoReader): ReadRequest {
  const queries: ReadQuery[] = [];
  const acceptedTypes: number[] = [];
  while (reader.next()) {
    if (reader.field === READ.request.queries) queries.push(decodeQuery(reader));
    else if (reader.field === READ.request.acceptedTypes) reader.uint64s(acceptedTypes);
    else reader.skip();
  }
  return { queries, acceptedTypes };
}

function decodeQuery(reader: ProtoReader): ReadQuery {
  const matchers: Matcher[] = [];
  let start = 0;
  let end = 0;
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === READ.query.start) start = reader.int64();
    else if (reader.field === READ.query.end) end = reader.int64();
    else if (reader.field === READ.query.matchers) matchers.push(decodeMatcher(reader));
    else reader.skip();
  }
  reader.leave(outer);
  return { start, end, matchers };
}

function decodeMatcher(reader: ProtoReader): Matcher {
  let type = 0;
  let name = '';
  let value = '';
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === READ.matcher.type) type = reader.uint64();
    else if (reader.field === READ.matcher.name) name = reader.string();
    else if (reader.field === READ.matcher.value) value = reader.string();
    else reader.skip();
  }
  reader.leave(outer);
  if (!(type in TYPES)) throw new Error('invalid matcher type');
  return new Matcher(TYPES[type], name, value);
}

/** A request of one query that takes any kind of answer, chunks rather than samples. */
export function encodeReadRequest(writer: ProtoWriter, { start, end, matchers }: ReadQuery): void {
  const query = writer.begin(READ.request.queries);
  writer.int64(READ.query.start, start);
  writer.int64(READ.query.end, end);
  for (const { type, name, value } of matchers) {
    const matcher = writer.begin(READ.query.matchers);
    writer.int64(READ.matcher.type, TYPES.indexOf(type));
    writer.string(READ.matcher.name, name);
    writer.string(READ.matcher.value, value);
    writer.end(matcher);
  }
  writer.end(query);
  writer.uint64s(READ.request.acceptedTypes, [STREAMED_XOR_CHUNKS, SAMPLES]);
}

export function writeLabels(writer: ProtoWriter, field: number, labels: Labels): void {
  const { pairs } = labels;
  for (let i = 0; i < pairs.length; i += 2) {
    const label = writer.begin(field);
    writer.string(V1.label.name, pairs[i]);
    writer.string(V1.label.value, pairs[i + 1]);
    writer.end(label);
  }
}

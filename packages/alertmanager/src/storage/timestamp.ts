import type { ProtoReader, ProtoWriter } from '@avalanche/model';

/** A google.protobuf.Timestamp from milliseconds since the epoch; 0, "not set", is left out. */
export function writeTimestamp(writer: ProtoWriter, field: number, ms: number): void {
  if (ms === 0) return;
  const seconds = Math.floor(ms / 1000);
  const start = writer.begin(field);
  writer.int64(1, seconds);
  writer.int64(2, Math.round((ms - seconds * 1000) * 1e6));
  writer.end(start);
}

/** Milliseconds since the epoch of the google.protobuf.Timestamp that the reader stands at. */
export function readTimestamp(reader: ProtoReader): number {
  let seconds = 0;
  let nanos = 0;
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === 1) seconds = reader.int64();
    else if (reader.field === 2) nanos = reader.int64();
    else reader.skip();
  }
  reader.leave(outer);
  return seconds * 1000 + Math.floor(nanos / 1e6);
}

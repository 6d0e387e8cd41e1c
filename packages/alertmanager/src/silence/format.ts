import type { ProtoReader, ProtoWriter } from '@avalanche/model';
import type { RecordFormat } from '../storage/state-file.ts';
import { readTimestamp, writeTimestamp } from '../storage/timestamp.ts';
import type { MatcherSet, Silence, SilenceMatcher } from './silence.ts';

/** silencepb.Matcher.Type: bit 0 for a regular expression, bit 1 for "not". */
const REGEX = 1;
const NOT = 2;

/** Silences as upstream's `silences` file has them (silencepb.MeshSilence), kept for `retentionMs` after their end. */
export function silenceFormat(retentionMs: number): RecordFormat<Silence> {
  return {
    write(silence, writer) {
      const start = writer.begin(1);
      writeSilence(silence, writer);
      writer.end(start);
      writeTimestamp(writer, 2, silence.endsAt + retentionMs);
    },
    read(reader) {
      let silence: Silence | undefined;
      while (reader.next()) {
        if (reader.field === 1) silence = readSilence(reader);
        else reader.skip();
      }
      if (!silence || silence.id === '') throw new Error('a silence without id');
      return silence;
    },
  };
}

function writeSilence(silence: Silence, writer: ProtoWriter): void {
  writer.string(1, silence.id);
  // older versions know but one set
  for (const matcher of silence.matcherSets[0] ?? []) writeMatcher(writer, 2, matcher);
  writeTimestamp(writer, 3, silence.startsAt);
  writeTimestamp(writer, 4, silence.endsAt);
  writeTimestamp(writer, 5, silence.updatedAt);
  writer.string(8, silence.createdBy);
  writer.string(9, silence.comment);
  for (const [name, value] of Object.entries(silence.annotations)) {
    const start = writer.begin(10);
    writer.string(1, name);
    writer.string(2, value);
    writer.end(start);
  }
  for (const set of silence.matcherSets) {
    const start = writer.begin(11);
    for (const matcher of set) writeMatcher(writer, 1, matcher);
    writer.end(start);
  }
}

function writeMatcher(writer: ProtoWriter, field: number, { name, value, isRegex, isEqual }: SilenceMatcher): void {
  const start = writer.begin(field);
  writer.int64(1, (isRegex ? REGEX : 0) | (isEqual ? 0 : NOT));
  writer.string(2, name);
  writer.string(3, value);
  writer.end(start);
}

function readSilence(reader: ProtoReader): Silence {
  const silence = { id: '', startsAt: 0, endsAt: 0, updatedAt: 0, createdBy: '', comment: '' };
  const annotations: Record<string, string> = {};
  const matcherSets: MatcherSet[] = [];
  /** Where the matchers begin and end that older versions know. */
  const old: number[] = [];
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === 1) silence.id = reader.string();
    else if (reader.field === 2) {
      const length = reader.place();
      old.push(reader.position - length, reader.position);
    } else if (reader.field === 3) silence.startsAt = readTimestamp(reader);
    else if (reader.field === 4) silence.endsAt = readTimestamp(reader);
    else if (reader.field === 5) silence.updatedAt = readTimestamp(reader);
    else if (reader.field === 8) silence.createdBy = reader.string();
    else if (reader.field === 9) silence.comment = reader.string();
    else if (reader.field === 10) readAnnotation(reader, annotations);
    else if (reader.field === 11) matcherSets.push(readSet(reader));
    else reader.skip();
  }
  reader.leave(outer);
  // newer versions write the first set twice
  if (matcherSets.length === 0) matcherSets.push(readOld(reader, old, outer));
  return { ...silence, annotations, matcherSets };
}

function readOld(reader: ProtoReader, places: readonly number[], outer: number): MatcherSet {
  const back = reader.position;
  const set: SilenceMatcher[] = [];
  for (let i = 0; i < places.length; i += 2) {
    reader.seek(places[i], places[i + 1]);
    set.push(readMatcherFields(reader));
  }
  reader.seek(back, outer);
  return set;
}

function readSet(reader: ProtoReader): MatcherSet {
  const set: SilenceMatcher[] = [];
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === 1) set.push(readMatcher(reader));
    else reader.skip();
  }
  reader.leave(outer);
  return set;
}

function readMatcher(reader: ProtoReader): SilenceMatcher {
  const outer = reader.enter();
  const matcher = readMatcherFields(reader);
  reader.leave(outer);
  return matcher;
}

function readMatcherFields(reader: ProtoReader): SilenceMatcher {
  let type = 0;
  let name = '';
  let value = '';
  while (reader.next()) {
    if (reader.field === 1) type = reader.uint64();
    else if (reader.field === 2) name = reader.string();
    else if (reader.field === 3) value = reader.string();
    else reader.skip();
  }
  return { name, value, isRegex: (type & REGEX) !== 0, isEqual: (type & NOT) === 0 };
}

function readAnnotation(reader: ProtoReader, into: Record<string, string>): void {
  let [name, value] = ['', ''];
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === 1) name = reader.string();
    else if (reader.field === 2) value = reader.string();
    else reader.skip();
  }
  reader.leave(outer);
  into[name] = value;
}

import type { ProtoReader, ProtoWriter } from '@avalanche/model';
import type { ReceiverData } from '../notify/integration.ts';
import type { RecordFormat } from '../storage/state-file.ts';
import { readTimestamp, writeTimestamp } from '../storage/timestamp.ts';
import type { NotificationEntry } from './nflog.ts';

/** Entries as upstream's `nflog` file has them (nflogpb.MeshEntry). */
export const nflogFormat: RecordFormat<NotificationEntry> = {
  write(entry, writer) {
    const start = writer.begin(1);
    writer.string(1, entry.groupKey);
    writeReceiver(writer, entry.receiver);
    writeTimestamp(writer, 5, entry.timestamp);
    writer.bigUint64s(6, entry.firing);
    writer.bigUint64s(7, entry.resolved);
    for (const [key, value] of Object.entries(entry.data ?? {})) writeData(writer, key, value);
    writer.end(start);
    writeTimestamp(writer, 2, entry.expiresAt);
  },
  read(reader) {
    let entry: Omit<NotificationEntry, 'expiresAt'> | undefined;
    let expiresAt = 0;
    while (reader.next()) {
      if (reader.field === 1) entry = readEntry(reader);
      else if (reader.field === 2) expiresAt = readTimestamp(reader);
      else reader.skip();
    }
    if (!entry || entry.receiver === '') throw new Error('an entry without receiver');
    return { ...entry, expiresAt };
  },
};

/** `receiver/integration/index`; a receiver's name may have slashes. */
function writeReceiver(writer: ProtoWriter, receiver: string): void {
  const [, name, integration, index] = /^(.*)\/([^/]+)\/(\d+)$/s.exec(receiver) ?? [];
  const start = writer.begin(2);
  writer.string(1, name ?? '');
  writer.string(2, integration ?? '');
  writer.int64(3, Number(index));
  writer.end(start);
}

function writeData(writer: ProtoWriter, key: string, value: string | number): void {
  const start = writer.begin(8);
  writer.string(1, key);
  const inner = writer.begin(2);
  if (typeof value === 'string') writer.element(1, value);
  else if (Number.isSafeInteger(value)) writer.int64(2, value);
  else writer.double(3, value);
  writer.end(inner);
  writer.end(start);
}

function readEntry(reader: ProtoReader): Omit<NotificationEntry, 'expiresAt'> {
  let groupKey = '';
  let receiver = '';
  let timestamp = 0;
  const firing: bigint[] = [];
  const resolved: bigint[] = [];
  const data: ReceiverData = {};
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === 1) groupKey = reader.string();
    else if (reader.field === 2) receiver = readReceiver(reader);
    else if (reader.field === 5) timestamp = readTimestamp(reader);
    else if (reader.field === 6) reader.bigUint64s(firing);
    else if (reader.field === 7) reader.bigUint64s(resolved);
    else if (reader.field === 8) readData(reader, data);
    else reader.skip();
  }
  reader.leave(outer);
  const sets = { firing: BigUint64Array.from(firing), resolved: BigUint64Array.from(resolved) };
  return { groupKey, receiver, timestamp, ...sets, ...(Object.keys(data).length > 0 ? { data } : {}) };
}

function readReceiver(reader: ProtoReader): string {
  let [name, integration, index] = ['', '', 0];
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === 1) name = reader.string();
    else if (reader.field === 2) integration = reader.string();
    else if (reader.field === 3) index = reader.uint64();
    else reader.skip();
  }
  reader.leave(outer);
  return `${name}/${integration}/${index}`;
}

function readData(reader: ProtoReader, into: ReceiverData): void {
  let key = '';
  let value: string | number = 0;
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === 1) key = reader.string();
    else if (reader.field === 2) value = readDataValue(reader);
    else reader.skip();
  }
  reader.leave(outer);
  into[key] = value;
}

function readDataValue(reader: ProtoReader): string | number {
  let value: string | number = 0;
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === 1) value = reader.string();
    else if (reader.field === 2) value = reader.int64();
    else if (reader.field === 3) value = reader.double();
    else reader.skip();
  }
  reader.leave(outer);
  return value;
}

import type { ProtoReader } from '@avalanche/model';
import { V1 } from './messages.ts';

/** Appends the name and the value of a label, which remote write, remote read and exemplars write alike, to `pairs`. */
export function readLabel(reader: ProtoReader, pairs: string[]): void {
  let name = '';
  let value = '';
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === V1.label.name) name = reader.string();
    else if (reader.field === V1.label.value) value = reader.string();
    else reader.skip();
  }
  reader.leave(outer);
  pairs.push(name, value);
}

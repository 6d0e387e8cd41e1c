import type { FloatHistogram } from '@avalanche/model';
import { ENCODING_XOR2 } from '../chunk-columns.ts';
import type { DecodeBuffer, EncodeBuffer } from '../encoding.ts';
import { CHUNK_SAMPLES_MAX, encodingOf, FITS, HistogramEncoder, headerOfFirst } from '../histogram/encoder.ts';
import { type ChunkVisitor, chunkEnd, SAMPLES_PER_CHUNK, SeriesChunks } from './series-chunks.ts';
import { Xor2Encoder } from './xor2.ts';

/** Chunks of histograms end by their size, not by their number of samples. */
const CHUNK_BYTES = 1024;
const SAMPLES_MIN = 10;
/** Stands for the value of a sample that is a histogram: a NaN that no float is stored as. */
const HISTOGRAM_LOW = 1;
const HISTOGRAM_HIGH = 0x7ffd0000;

/** A chunk of histograms, or of floats with start times, that is being written. */
class OpenChunk {
  private hasEnd: boolean;

  /**
   * @param rangeEnd where it ends at the latest; times in milliseconds
   * @param cutAt where it is to end, as far as that is known
   */
  constructor(
    readonly encoder: HistogramEncoder | Xor2Encoder,
    readonly minTime: number,
    readonly rangeEnd: number,
    public cutAt = rangeEnd,
  ) {
    this.hasEnd = cutAt !== rangeEnd;
  }

  /** Whether a sample of this time begins the next chunk. */
  mustEndBefore(time: number): boolean {
    return this.encoder instanceof Xor2Encoder ? this.mustEndFloats(time) : this.mustEndHistograms(time);
  }

  private mustEndFloats(time: number): boolean {
    const { count, size } = this.encoder;
    if (count === SAMPLES_PER_CHUNK / 4) this.cutAt = chunkEnd(this.minTime, this.encoder.time, this.rangeEnd, 4);
    return time >= this.cutAt || count >= 2 * SAMPLES_PER_CHUNK || size > CHUNK_BYTES;
  }

  /** Upstream's histogramsAppendPreprocessor. */
  private mustEndHistograms(time: number): boolean {
    const { count, size } = this.encoder;
    if (!this.hasEnd && size >= CHUNK_BYTES / 4) {
      this.cutAt = chunkEnd(this.minTime, this.encoder.time, this.rangeEnd, CHUNK_BYTES / size);
      this.hasEnd = true;
    }
    const isLong = time >= this.cutAt || size >= 2 * CHUNK_BYTES;
    return (isLong && (count >= SAMPLES_MIN || time >= this.rangeEnd)) || count === CHUNK_SAMPLES_MAX;
  }
}

/**
 * The chunks of native histograms, and of floats with start times, beside those of floats alone: an object for each that
 * is being written, as there are few such series. A series has one open chunk, of whatever kind.
 */
export class ObjectChunks extends SeriesChunks {
  private readonly openObjects = new Map<number, OpenChunk>();

  override get chunkCount(): number {
    return super.chunkCount + this.openObjects.size;
  }

  /** The newest sample of a series where it is a histogram; undefined where it is none, or it is not known any more. */
  latestHistogram(slot: number): FloatHistogram | undefined {
    const encoder = this.openObjects.get(slot)?.encoder;
    return encoder instanceof HistogramEncoder ? encoder.latest : undefined;
  }

  /** Adds a float newer than all samples of its series. @param start milliseconds; 0 is none */
  appendWithStart(slot: number, time: number, low: number, high: number, start: number): void {
    const open = this.openObjects.get(slot);
    const goes = open?.encoder instanceof Xor2Encoder && !open.mustEndBefore(time);
    if (goes) (open.encoder as Xor2Encoder).append(time, low, high, start);
    else if (start === 0) {
      this.appendInOrder(slot, time, low, high);
      return;
    } else {
      const encoder = new Xor2Encoder();
      encoder.append(time, low, high, start);
      this.beginChunk(slot, time, encoder);
    }
    this.noteLast(slot, time, low, high);
  }

  /** Adds a histogram newer than all samples of its series. */
  appendHistogramInOrder(slot: number, time: number, histogram: FloatHistogram): void {
    const open = this.openObjects.get(slot);
    const { encoder } = open ?? {};
    const verdict =
      encoder instanceof HistogramEncoder
        ? goesOn(encoder, (open as OpenChunk).mustEndBefore(time), histogram)
        : headerOfFirst(histogram);
    if (verdict === FITS) (encoder as HistogramEncoder).append(time, histogram);
    else {
      const next = new HistogramEncoder(encodingOf(histogram), verdict);
      next.append(time, histogram);
      this.beginChunk(slot, time, next);
    }
    this.noteLast(slot, time, HISTOGRAM_LOW, HISTOGRAM_HIGH);
  }

  private noteLast(slot: number, time: number, low: number, high: number): void {
    this.lastTime[slot] = time;
    this.lastLow[slot] = low;
    this.lastHigh[slot] = high;
    if (time > this.maxTime) this.maxTime = time;
    if (time < this.minTime) this.minTime = time;
  }

  override hasChunks(slot: number, minTime: number, maxTime: number): boolean {
    const open = this.openObjects.get(slot);
    if (open && open.minTime <= maxTime && open.encoder.time >= minTime) return true;
    return super.hasChunks(slot, minTime, maxTime);
  }

  override visitChunks(slot: number, minTime: number, maxTime: number, visit: ChunkVisitor): void {
    super.visitChunks(slot, minTime, maxTime, visit);
    const open = this.openObjects.get(slot);
    if (!open || open.minTime > maxTime || open.encoder.time < minTime) return;
    const { bytes, size, time, encoding } = open.encoder;
    visit(bytes, 0, size, open.minTime, time, encoding);
  }

  override encodeOpenChunk(slot: number, into: EncodeBuffer): void {
    super.encodeOpenChunk(slot, into);
    if (this.openCount[slot] > 0) return;
    const open = this.openObjects.get(slot);
    into.putByte(open?.encoder.encoding ?? 0);
    if (!open) return;
    const { bytes, size, time } = open.encoder;
    for (const each of [open.minTime, time, open.cutAt]) into.putVarint(each);
    into.putUvarint(size);
    into.putBytes(bytes.subarray(0, size));
  }

  override decodeOpenChunk(slot: number, from: DecodeBuffer): boolean {
    if (super.decodeOpenChunk(slot, from)) return true;
    const encoding = from.byte();
    if (encoding === 0) return false;
    const minTime = from.varint();
    const maxTime = from.varint();
    const cutAt = from.varint();
    const size = from.uvarint();
    const start = from.position;
    from.skip(size);
    if (maxTime <= this.lastTime[slot] || maxTime < this.minValidTime) return true;
    if (minTime <= this.lastTime[slot]) throw new RangeError('chunks in files end within an open one');
    const chunk = { bytes: from.bytes, start, end: start + size, encoding };
    const encoder = encoding === ENCODING_XOR2 ? Xor2Encoder.resume(chunk) : HistogramEncoder.resume(chunk);
    this.openObjects.set(slot, new OpenChunk(encoder, minTime, this.rangeEnd(minTime), cutAt));
    this.chunksCreated++;
    this.lastTime[slot] = maxTime;
    const isOfFloats = encoder instanceof Xor2Encoder;
    this.lastLow[slot] = isOfFloats ? encoder.latestLow : HISTOGRAM_LOW;
    this.lastHigh[slot] = isOfFloats ? encoder.latestHigh : HISTOGRAM_HIGH;
    this.minTime = Math.min(this.minTime, Math.max(minTime, this.minValidTime));
    this.maxTime = Math.max(this.maxTime, maxTime);
    return true;
  }

  protected override openStart(slot: number): number {
    return this.openObjects.get(slot)?.minTime ?? super.openStart(slot);
  }

  protected override dropOpenBefore(slot: number, time: number): void {
    super.dropOpenBefore(slot, time);
    if (this.lastTime[slot] < time && this.openObjects.delete(slot)) this.chunksRemoved++;
  }

  protected override closeOpen(slot: number): void {
    super.closeOpen(slot);
    const open = this.openObjects.get(slot);
    if (!open) return;
    const { encoder, minTime } = open;
    const { bytes, size, time, encoding } = encoder;
    this.newest[slot] = this.closed.add(bytes, 0, size, this.series.walRefs[slot], {
      ...{ minTime, maxTime: time, encoding },
      previous: this.newest[slot],
    });
    this.openObjects.delete(slot);
  }

  private beginChunk(slot: number, time: number, encoder: OpenChunk['encoder']): void {
    this.closeOpen(slot);
    this.openObjects.set(slot, new OpenChunk(encoder, time, this.rangeEnd(time)));
    this.chunksCreated++;
  }
}

/** Whether a histogram can go on in the open chunk (`FITS`), or with which header the next one begins. */
function goesOn(encoder: HistogramEncoder, mustEnd: boolean, histogram: FloatHistogram): number {
  if (encoder.encoding !== encodingOf(histogram)) return headerOfFirst(histogram);
  const verdict = encoder.judge(histogram);
  return verdict === FITS && mustEnd ? encoder.nextHeader : verdict;
}

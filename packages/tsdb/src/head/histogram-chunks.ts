import type { FloatHistogram } from '@avalanche/model';
import type { DecodeBuffer, EncodeBuffer } from '../encoding.ts';
import { CHUNK_SAMPLES_MAX, encodingOf, FITS, HistogramEncoder, headerOfFirst } from '../histogram/encoder.ts';
import { type ChunkVisitor, chunkEnd, SeriesChunks } from './series-chunks.ts';

/** Chunks of histograms end by their size, not by their number of samples. */
const CHUNK_BYTES = 1024;
const SAMPLES_MIN = 10;
/** Stands for the value of a sample that is a histogram: a NaN that no float is stored as. */
const HISTOGRAM_LOW = 1;
const HISTOGRAM_HIGH = 0x7ffd0000;

/** A chunk of histograms that is being written. */
class OpenHistogramChunk {
  private hasEnd: boolean;

  /**
   * @param rangeEnd where it ends at the latest; times in milliseconds
   * @param cutAt where it is to end, as far as that is known
   */
  constructor(
    readonly encoder: HistogramEncoder,
    readonly minTime: number,
    readonly rangeEnd: number,
    public cutAt = rangeEnd,
  ) {
    this.hasEnd = cutAt !== rangeEnd;
  }

  /** Whether a sample of this time begins the next chunk (upstream's histogramsAppendPreprocessor). */
  mustEndBefore(time: number): boolean {
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
 * The chunks of native histograms beside those of floats: an object for each that is being written, as there are few
 * such series. A series has one open chunk, of floats or of histograms.
 */
export class HistogramChunks extends SeriesChunks {
  private readonly openHistograms = new Map<number, OpenHistogramChunk>();

  override get chunkCount(): number {
    return super.chunkCount + this.openHistograms.size;
  }

  /** The newest sample of a series where it is a histogram; undefined where it is none, or it is not known any more. */
  latestHistogram(slot: number): FloatHistogram | undefined {
    return this.openHistograms.get(slot)?.encoder.latest;
  }

  /** Adds a histogram newer than all samples of its series. */
  appendHistogramInOrder(slot: number, time: number, histogram: FloatHistogram): void {
    const open = this.openHistograms.get(slot);
    const verdict = open ? goesOn(open, time, histogram) : headerOfFirst(histogram);
    if (open && verdict === FITS) open.encoder.append(time, histogram);
    else this.beginHistogramChunk(slot, time, histogram, verdict);
    this.lastTime[slot] = time;
    this.lastLow[slot] = HISTOGRAM_LOW;
    this.lastHigh[slot] = HISTOGRAM_HIGH;
    if (time > this.maxTime) this.maxTime = time;
    if (time < this.minTime) this.minTime = time;
  }

  override hasChunks(slot: number, minTime: number, maxTime: number): boolean {
    const open = this.openHistograms.get(slot);
    if (open && open.minTime <= maxTime && open.encoder.time >= minTime) return true;
    return super.hasChunks(slot, minTime, maxTime);
  }

  override visitChunks(slot: number, minTime: number, maxTime: number, visit: ChunkVisitor): void {
    super.visitChunks(slot, minTime, maxTime, visit);
    const open = this.openHistograms.get(slot);
    if (!open || open.minTime > maxTime || open.encoder.time < minTime) return;
    const { bytes, size, time, encoding } = open.encoder;
    visit(bytes, 0, size, open.minTime, time, encoding);
  }

  override encodeOpenChunk(slot: number, into: EncodeBuffer): void {
    super.encodeOpenChunk(slot, into);
    if (this.openCount[slot] > 0) return;
    const open = this.openHistograms.get(slot);
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
    const encoder = HistogramEncoder.resume({ bytes: from.bytes, start, end: start + size, encoding });
    this.openHistograms.set(slot, new OpenHistogramChunk(encoder, minTime, this.rangeEnd(minTime), cutAt));
    this.chunksCreated++;
    this.lastTime[slot] = maxTime;
    this.lastLow[slot] = HISTOGRAM_LOW;
    this.lastHigh[slot] = HISTOGRAM_HIGH;
    this.minTime = Math.min(this.minTime, Math.max(minTime, this.minValidTime));
    this.maxTime = Math.max(this.maxTime, maxTime);
    return true;
  }

  protected override openStart(slot: number): number {
    return this.openHistograms.get(slot)?.minTime ?? super.openStart(slot);
  }

  protected override dropOpenBefore(slot: number, time: number): void {
    super.dropOpenBefore(slot, time);
    if (this.lastTime[slot] < time && this.openHistograms.delete(slot)) this.chunksRemoved++;
  }

  protected override closeOpen(slot: number): void {
    super.closeOpen(slot);
    const open = this.openHistograms.get(slot);
    if (!open) return;
    const { encoder, minTime } = open;
    const { bytes, size, time, encoding } = encoder;
    this.newest[slot] = this.closed.add(bytes, 0, size, this.series.walRefs[slot], {
      ...{ minTime, maxTime: time, encoding },
      previous: this.newest[slot],
    });
    this.openHistograms.delete(slot);
  }

  private beginHistogramChunk(slot: number, time: number, histogram: FloatHistogram, header: number): void {
    this.closeOpen(slot);
    const encoder = new HistogramEncoder(encodingOf(histogram), header);
    encoder.append(time, histogram);
    this.openHistograms.set(slot, new OpenHistogramChunk(encoder, time, this.rangeEnd(time)));
    this.chunksCreated++;
  }
}

/** Whether a histogram can go on in the open chunk (`FITS`), or with which header the next one begins. */
function goesOn(open: OpenHistogramChunk, time: number, histogram: FloatHistogram): number {
  if (open.encoder.encoding !== encodingOf(histogram)) return headerOfFirst(histogram);
  const verdict = open.encoder.judge(histogram);
  if (verdict !== FITS || !open.mustEndBefore(time)) return verdict;
  return open.encoder.nextHeader;
}

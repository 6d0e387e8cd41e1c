import { JobError } from '../errors.ts';

export interface SequenceRecord {
  /** The text after `>` or `@`. */
  readonly header: string;
  /** Upper case, U as T, without gaps. */
  readonly sequence: string;
  /** Phred scores by base; undefined for FASTA. */
  readonly qualities: Uint8Array | undefined;
}

export interface ParserLimits {
  /** Longest line, in bytes. */
  readonly lineBytesMax: number;
  /** Longest sequence of one record, in bases. */
  readonly sequenceBasesMax: number;
  readonly recordsMax: number;
}

export const DEFAULT_PARSER_LIMITS: ParserLimits = {
  lineBytesMax: 1024 * 1024,
  sequenceBasesMax: 1024 * 1024,
  recordsMax: 5_000_000,
};

const NEWLINE = 10;
const GREATER = 62;
const AT = 64;
const PLUS = 43;
const QUALITY_OFFSET = 33;

/** Upper-case base for each byte; 0 is no base, GAP is a base to leave out. IUPAC ambiguity codes count as bases. */
const BASES = new Uint8Array(256);
const GAP = 1;
for (const code of 'ACGTNRYKMSWBDHV') {
  BASES[code.charCodeAt(0)] = code.charCodeAt(0);
  BASES[code.toLowerCase().charCodeAt(0)] = code.charCodeAt(0);
}
BASES['U'.charCodeAt(0)] = BASES['u'.charCodeAt(0)] = 'T'.charCodeAt(0);
for (const gap of '-. ') BASES[gap.charCodeAt(0)] = GAP;

/** What the next line of a FASTQ record is. FASTA has only headers and sequence lines. */
type Expecting = 'header' | 'sequence' | 'plus' | 'quality';

/**
 * Reads FASTA or FASTQ (told apart by the first byte) piece by piece, and calls `onRecord` for each record. It holds one
 * record and one unfinished line, whatever the size of the input.
 * FASTA sequences may span lines; FASTQ is the usual four lines per record with qualities from `!` (Phred+33).
 */
export class SequenceParser {
  records = 0;
  private format: 'fasta' | 'fastq' | undefined;
  private expecting: Expecting = 'header';
  private line = 0;
  private unfinished: Buffer[] = [];
  private unfinishedBytes = 0;
  private header = '';
  private sequence: string[] = [];
  private bases = 0;

  constructor(
    private readonly limits: ParserLimits,
    private readonly onRecord: (record: SequenceRecord) => void,
  ) {}

  /** @throws JobError that says what is wrong and in which line */
  push(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.takeLine(chunk.subarray(start, end));
      start = end + 1;
    }
    if (start < chunk.length) this.keep(chunk.subarray(start));
  }

  /** Ends the input. @throws JobError where it ends within a record or held none */
  end(): void {
    if (this.unfinishedBytes > 0) this.takeLine(Buffer.alloc(0));
    if (this.format === 'fasta') this.finishFasta();
    else if (this.expecting !== 'header') throw this.malformed('the file ends within a record');
    if (this.records === 0) throw new JobError('no_sequences', 'the input holds no sequence');
  }

  private keep(part: Buffer): void {
    this.unfinishedBytes += part.length;
    this.checkLine(this.unfinishedBytes);
    if (this.line === 0 && this.unfinished.length === 0) this.checkFirstByte(part);
    // A copy: the caller's chunk may be a view of a pooled buffer much larger than this piece.
    this.unfinished.push(Buffer.from(part));
  }

  private takeLine(last: Buffer): void {
    let bytes = last;
    if (this.unfinishedBytes > 0) {
      bytes = Buffer.concat([...this.unfinished, last]);
      this.unfinished = [];
      this.unfinishedBytes = 0;
    }
    this.checkLine(bytes.length);
    this.line++;
    if (bytes.at(-1) === 13) bytes = bytes.subarray(0, -1);
    if (this.line === 1) this.checkFirstByte(bytes);
    if (this.format === 'fasta') this.takeFastaLine(bytes);
    else this.takeFastqLine(bytes);
  }

  private checkLine(bytes: number): void {
    if (bytes <= this.limits.lineBytesMax) return;
    const line = `line ${this.line + 1} is longer than ${this.limits.lineBytesMax} bytes`;
    throw new JobError('line_too_long', line);
  }

  private checkFirstByte(bytes: Buffer): void {
    if (bytes[0] === GREATER) this.format = 'fasta';
    else if (bytes[0] === AT) this.format = 'fastq';
    else throw new JobError('not_sequences', 'neither FASTA nor FASTQ: the first byte is neither > nor @');
  }

  private takeFastaLine(bytes: Buffer): void {
    if (bytes[0] === GREATER) {
      this.finishFasta();
      this.header = bytes.toString('utf8', 1).trim();
      this.expecting = 'sequence';
    } else if (bytes.length > 0) {
      this.addBases(bytes);
    }
  }

  private finishFasta(): void {
    if (this.expecting !== 'sequence') return;
    if (this.bases === 0) throw this.malformed(`record ${this.records + 1} has no sequence`);
    this.emit(undefined);
  }

  private takeFastqLine(bytes: Buffer): void {
    switch (this.expecting) {
      case 'header':
        if (bytes.length === 0) return;
        if (bytes[0] !== AT) throw this.malformed('a record must begin with @');
        this.header = bytes.toString('utf8', 1).trim();
        this.expecting = 'sequence';
        return;
      case 'sequence':
        this.addBases(bytes);
        this.expecting = 'plus';
        return;
      case 'plus':
        if (bytes[0] !== PLUS) throw this.malformed('the third line of a record must begin with +');
        this.expecting = 'quality';
        return;
      case 'quality':
        this.emit(this.qualitiesOf(bytes));
        this.expecting = 'header';
        return;
      default:
        this.expecting satisfies never;
    }
  }

  private addBases(bytes: Buffer): void {
    this.bases += bytes.length;
    if (this.bases > this.limits.sequenceBasesMax) {
      const most = this.limits.sequenceBasesMax;
      throw new JobError('line_too_long', `line ${this.line}: a sequence is longer than ${most} bases`);
    }
    const out = Buffer.allocUnsafe(bytes.length);
    let length = 0;
    for (const byte of bytes) {
      const base = BASES[byte] as number;
      if (base > GAP) out[length++] = base;
      else if (base !== GAP || this.format === 'fastq') throw this.malformed(`byte ${byte} is not a nucleotide`);
    }
    this.sequence.push(out.toString('latin1', 0, length));
  }

  private qualitiesOf(bytes: Buffer): Uint8Array {
    if (bytes.length !== this.bases) {
      throw this.malformed(`${bytes.length} qualities for ${this.bases} bases`);
    }
    const scores = new Uint8Array(bytes.length);
    for (let i = 0; i < bytes.length; i++) {
      const score = (bytes[i] as number) - QUALITY_OFFSET;
      if (score < 0 || score > 93) throw this.malformed(`byte ${bytes[i]} is not a quality`);
      scores[i] = score;
    }
    return scores;
  }

  private emit(qualities: Uint8Array | undefined): void {
    if (++this.records > this.limits.recordsMax) {
      throw new JobError('too_many_records', `more than ${this.limits.recordsMax} sequences`);
    }
    const sequence = this.sequence.length === 1 ? (this.sequence[0] as string) : this.sequence.join('');
    this.onRecord({ header: this.header, sequence, qualities });
    this.sequence = [];
    this.bases = 0;
  }

  private malformed(what: string): JobError {
    return new JobError('malformed_sequences', `line ${this.line}: ${what}`);
  }
}

import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Clock } from '@avalanche/model';
import { type Annotation, cleanTags, type NewAnnotation, orderedRange } from './annotation.ts';

/** More than these are forgotten, those that were made first first. */
const ANNOTATIONS_MAX = 10_000;
/** The file is written anew after so many lines more than there are annotations. */
const LINES_MAX = 10_000;

type Line = Annotation | { readonly deleted: number };

/**
 * Annotations in memory and in a file of JSON lines: one for each that was made or changed, of which the last of an id
 * counts, and one for each that was deleted. A change is in the file before it is answered; a line that a crash has torn
 * is left out.
 */
export class AnnotationStore {
  /** By id, in the order in which they were made. */
  private readonly byId = new Map<number, Annotation>();
  private nextId = 1;
  private lines = 0;

  /** @throws the system's error where the file is there and cannot be read */
  constructor(
    private readonly file: string,
    private readonly clock: Clock,
  ) {
    for (const text of textOf(file).split('\n')) {
      const line = parseLine(text);
      if (line) this.apply(line);
    }
  }

  all(): Iterable<Annotation> {
    return this.byId.values();
  }

  get(id: number): Annotation | undefined {
    return this.byId.get(id);
  }

  /** @throws the system's error, after which it is not known */
  add({ text, tags = [], time = 0, timeEnd = 0, dashboardUID = '', panelId = 0, data }: NewAnnotation): Annotation {
    const now = this.clock.now();
    const annotation: Annotation = {
      id: this.nextId,
      ...orderedRange(time || now, timeEnd),
      ...{ text, tags: cleanTags(tags), dashboardUID, panelId, created: now, updated: now },
      ...(data === undefined ? {} : { data }),
    };
    this.write(annotation);
    return annotation;
  }

  /** @throws the system's error, after which it is as it was */
  update(before: Annotation, change: Partial<Annotation>): void {
    const next = { ...before, ...change, updated: this.clock.now() };
    this.write({ ...next, ...orderedRange(next.time, next.timeEnd), tags: cleanTags(next.tags) });
  }

  /** @throws the system's error, after which it is still there */
  delete(id: number): void {
    if (this.byId.has(id)) this.write({ deleted: id });
  }

  private write(line: Line): void {
    // begins on a line of its own, as a crash may have torn the line before
    appendFileSync(this.file, `\n${JSON.stringify(line)}\n`, { mode: 0o600 });
    this.apply(line);
    if (this.lines > this.byId.size + LINES_MAX) this.rewrite();
  }

  private apply(line: Line): void {
    this.lines++;
    if ('deleted' in line) {
      this.nextId = Math.max(this.nextId, line.deleted + 1);
      this.byId.delete(line.deleted);
      return;
    }
    this.nextId = Math.max(this.nextId, line.id + 1);
    this.byId.set(line.id, line);
    if (this.byId.size > ANNOTATIONS_MAX) this.byId.delete(this.byId.keys().next().value as number);
  }

  /** The old file stays where it cannot be replaced, and is tried again after as many lines. */
  private rewrite(): void {
    // an id is not used again, also where its annotation is gone
    const lines: Line[] = [{ deleted: this.nextId - 1 }, ...this.byId.values()];
    if (this.byId.has(this.nextId - 1)) lines.shift();
    this.lines = lines.length;
    try {
      writeFileSync(`${this.file}.tmp`, lines.map((line) => `${JSON.stringify(line)}\n`).join(''), { mode: 0o600 });
      renameSync(`${this.file}.tmp`, this.file);
    } catch {
      return;
    }
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

function parseLine(text: string): Line | undefined {
  if (text === '') return undefined;
  try {
    const line = JSON.parse(text) as Partial<Annotation> & { readonly deleted?: unknown };
    if (Number.isInteger(line.deleted)) return { deleted: line.deleted as number };
    const isWhole = Number.isInteger(line.id) && typeof line.text === 'string' && Array.isArray(line.tags);
    return isWhole ? (line as Annotation) : undefined;
  } catch {
    return undefined;
  }
}

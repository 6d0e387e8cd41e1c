import { randomUUID } from 'node:crypto';
import type { Clock, Labels, Matcher } from '@avalanche/model';
import { Journal } from '../storage/journal.ts';
import {
  canUpdate,
  compileMatchers,
  type Silence,
  type SilenceState,
  silenceMatches,
  silenceState,
  validateSilence,
} from './silence.ts';

const SILENCES_MAX = 20_000;

export class SilenceNotFound extends Error {
  override readonly name = 'SilenceNotFound';

  constructor() {
    super('silence not found');
  }
}

interface Known {
  readonly silence: Silence;
  readonly matchers: readonly Matcher[];
}

/** All silences, kept on disk until they have been expired for the retention. */
export class Silences {
  private readonly silences = new Map<string, Known>();
  private readonly journal: Journal<Silence>;

  /** @throws the system's error where the file cannot be written */
  constructor(
    file: string,
    private readonly clock: Clock,
    private readonly retentionMs: number,
  ) {
    this.journal = Journal.open<Silence>(
      file,
      (silence) => this.keep(silence),
      () => [...this.silences.values()].map(({ silence }) => silence),
    );
    this.forgetExpired();
  }

  /** Damaged records that were left out when the file was read. */
  get dropped(): number {
    return this.journal.dropped;
  }

  get(id: string): Silence | undefined {
    return this.silences.get(id)?.silence;
  }

  all(): Silence[] {
    return [...this.silences.values()].map(({ silence }) => silence);
  }

  matchersOf(id: string): readonly Matcher[] {
    return this.silences.get(id)?.matchers ?? [];
  }

  count(state: SilenceState): number {
    const now = this.clock.now();
    return this.all().filter((silence) => silenceState(silence, now) === state).length;
  }

  /** Ids of the active silences that match, sorted. */
  silencedBy(labels: Labels, now: number): string[] {
    const ids: string[] = [];
    for (const { silence, matchers } of this.silences.values()) {
      if (silenceState(silence, now) === 'active' && silenceMatches(matchers, labels)) ids.push(silence.id);
    }
    return ids.sort();
  }

  /**
   * Creates a silence, or changes the one with `id`: in place where that does not rewrite history, else the old one
   * ends and a new one begins (upstream Silences.Set). Returns the id.
   * @throws SilenceNotFound where there is none with `id`
   * @throws Error where it is not valid or there are too many
   */
  set(wanted: Omit<Silence, 'updatedAt'>): string {
    const now = this.clock.now();
    try {
      validateSilence(wanted);
    } catch (error) {
      throw new Error(`invalid silence: ${(error as Error).message}`);
    }
    const previous = this.get(wanted.id);
    if (wanted.id !== '' && !previous) throw new SilenceNotFound();
    if (previous && canUpdate(previous, wanted, now)) {
      this.store({ ...wanted, updatedAt: now });
      return wanted.id;
    }
    if (this.silences.size >= SILENCES_MAX) {
      throw new Error(`exceeded maximum number of silences: ${this.silences.size} (limit: ${SILENCES_MAX})`);
    }
    if (previous) this.expire(previous.id);
    const id = randomUUID();
    this.store({ ...wanted, id, startsAt: Math.max(wanted.startsAt, now), updatedAt: now });
    return id;
  }

  /** Ends a silence now; one that has ended stays as it is. @throws SilenceNotFound */
  expire(id: string): void {
    const silence = this.get(id);
    if (!silence) throw new SilenceNotFound();
    const now = this.clock.now();
    const state = silenceState(silence, now);
    if (state === 'expired') return;
    this.store({ ...silence, startsAt: state === 'pending' ? now : silence.startsAt, endsAt: now, updatedAt: now });
  }

  /** Forgets silences that ended longer ago than the retention, and writes the file anew. */
  maintain(): void {
    this.forgetExpired();
    this.journal.compact();
  }

  close(): void {
    this.journal.close();
  }

  private forgetExpired(): void {
    const oldest = this.clock.now() - this.retentionMs;
    for (const [id, { silence }] of this.silences) if (silence.endsAt <= oldest) this.silences.delete(id);
  }

  private store(silence: Silence): void {
    this.journal.append(silence, { sync: true });
    this.keep(silence);
  }

  private keep(silence: Silence): void {
    this.silences.set(silence.id, { silence, matchers: compileMatchers(silence.matchers) });
  }
}

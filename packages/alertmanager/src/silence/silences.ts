import { randomUUID } from 'node:crypto';
import type { Clock, Labels, Logger, Matcher } from '@avalanche/model';
import { StateFile } from '../storage/state-file.ts';
import { silenceFormat } from './format.ts';
import { MatcherIndex } from './matcher-index.ts';
import {
  canUpdate,
  compileMatchers,
  type Silence,
  type SilenceState,
  silenceMatches,
  silenceState,
  validateSilence,
  type WantedSilence,
} from './silence.ts';

export class SilenceNotFound extends Error {
  override readonly name = 'SilenceNotFound';

  constructor() {
    super('silence not found');
  }
}

export interface SilencesOptions {
  /** Upstream's `silences`. */
  readonly file: string;
  readonly clock: Clock;
  /** How long an ended silence is kept, in milliseconds. */
  readonly retentionMs: number;
  /** Most silences, ended ones included; 0 or less is without bound. */
  readonly max?: number;
  /** Most bytes of a silence as it stands in the file; 0 or less is without bound. */
  readonly maxBytes?: number;
  /** Told of each change (`--log.silences`). */
  readonly changes?: Logger;
}

interface Known {
  readonly silence: Silence;
  readonly matcherSets: readonly (readonly Matcher[])[];
}

/** Which silences an alert's labels match, as far as the first `seen` silences by age go. */
interface MatchedSoFar {
  readonly seen: number;
  readonly ids: readonly string[];
}

const NONE: readonly string[] = [];

/** All silences, kept on disk until they have been expired for the retention. */
export class Silences {
  private readonly silences = new Map<string, Known>();
  /** Ids in the order in which they were made; matchers of a silence never change. */
  private order: string[] = [];
  /** By the places in `order`. */
  private index = new MatcherIndex();
  /** By fingerprint: an alert is matched against each silence once. */
  private readonly matched = new Map<string, MatchedSoFar>();
  private readonly file: StateFile<Silence>;
  /** How often alerts were matched against silences that they did not know yet. */
  readonly counts = { queries: 0, seconds: 0 };

  /** @throws the system's error where the file cannot be written */
  constructor(private readonly options: SilencesOptions) {
    this.file = StateFile.open<Silence>(
      options.file,
      silenceFormat(options.retentionMs),
      (silence) => this.keep(silence),
      () => this.all(),
    );
    this.forgetExpired();
  }

  /** Bytes that were left out when the file was read, as they were damaged. */
  get dropped(): number {
    return this.file.dropped;
  }

  get bytes(): number {
    return this.file.bytes;
  }

  get(id: string): Silence | undefined {
    return this.silences.get(id)?.silence;
  }

  all(): Silence[] {
    return [...this.silences.values()].map(({ silence }) => silence);
  }

  matcherSetsOf(id: string): readonly (readonly Matcher[])[] {
    return this.silences.get(id)?.matcherSets ?? [];
  }

  /** How many there are of each state. */
  countStates(): Readonly<Record<SilenceState, number>> {
    const now = this.options.clock.now();
    const counts = { active: 0, pending: 0, expired: 0 };
    for (const { silence } of this.silences.values()) counts[silenceState(silence, now)]++;
    return counts;
  }

  /** Ids of the active silences that match an alert, sorted. */
  silencedBy(fingerprint: string, labels: Labels, now: number): readonly string[] {
    if (this.order.length === 0) return NONE;
    const known = this.matched.get(fingerprint);
    const ids = known?.seen === this.order.length ? known.ids : this.matchNewer(fingerprint, labels, known);
    if (ids.length === 0) return ids;
    return ids.filter((id) => this.stateOf(id, now) === 'active').sort();
  }

  /** Forgets what it remembers of an alert that is gone. */
  forgetAlert(fingerprint: string): void {
    this.matched.delete(fingerprint);
  }

  /** The same of all that are not known: groups ask for alerts that have ended for a while after they are gone. */
  forgetAlertsUnless(isKnown: (fingerprint: string) => boolean): void {
    for (const fingerprint of this.matched.keys()) if (!isKnown(fingerprint)) this.matched.delete(fingerprint);
  }

  /**
   * Creates a silence, or changes the one with `id`: in place where that does not rewrite history, else the old one
   * ends and a new one begins (upstream Silences.Set). Returns the id.
   * @throws SilenceNotFound where there is none with `id`
   * @throws Error where it is not valid, too big, or there are too many
   */
  set(wanted: WantedSilence): string {
    const { clock, max = 0 } = this.options;
    const now = clock.now();
    try {
      validateSilence(wanted);
    } catch (error) {
      throw new Error(`invalid silence: ${(error as Error).message}`);
    }
    const previous = this.get(wanted.id);
    if (wanted.id !== '' && !previous) throw new SilenceNotFound();
    if (previous && canUpdate(previous, wanted, now)) {
      this.store('update silence', { ...wanted, updatedAt: now });
      return wanted.id;
    }
    if (max > 0 && this.silences.size + 1 > max) {
      throw new Error(`exceeded maximum number of silences: ${this.silences.size} (limit: ${max})`);
    }
    const id = randomUUID();
    const silence = { ...wanted, id, startsAt: Math.max(wanted.startsAt, now), updatedAt: now };
    this.checkSize(silence);
    // in this order a disk that takes only one of them leaves no alert unsilenced
    this.store('create silence', silence);
    if (previous) this.expire(previous.id);
    return id;
  }

  /** Ends a silence now; one that has ended stays as it is. @throws SilenceNotFound */
  expire(id: string): void {
    const silence = this.get(id);
    if (!silence) throw new SilenceNotFound();
    const now = this.options.clock.now();
    const state = silenceState(silence, now);
    if (state === 'expired') return;
    const startsAt = state === 'pending' ? now : silence.startsAt;
    this.store('expire silence', { ...silence, startsAt, endsAt: now, updatedAt: now });
  }

  /** Writes the file anew. @throws the system's error */
  compact(): Promise<void> {
    return this.file.compact();
  }

  close(): void {
    this.file.close();
  }

  private matchNewer(fingerprint: string, labels: Labels, known: MatchedSoFar | undefined): readonly string[] {
    const begin = performance.now();
    // those that have ended as well: a clock that is set back makes them active again
    const ids = [...(known?.ids ?? [])];
    this.index.candidates(labels, known?.seen ?? 0, (place) => {
      const id = this.order[place];
      if (silenceMatches(this.matcherSetsOf(id), labels) && !ids.includes(id)) ids.push(id);
    });
    const matched = { seen: this.order.length, ids: ids.length > 0 ? ids : NONE };
    this.matched.set(fingerprint, matched);
    this.counts.queries++;
    this.counts.seconds += (performance.now() - begin) / 1000;
    return matched.ids;
  }

  private stateOf(id: string, now: number): SilenceState {
    const known = this.silences.get(id);
    return known ? silenceState(known.silence, now) : 'expired';
  }

  private checkSize(silence: Silence): void {
    const { maxBytes = 0, retentionMs } = this.options;
    if (maxBytes <= 0) return;
    const bytes = StateFile.sizeOf(silence, silenceFormat(retentionMs));
    if (bytes > maxBytes) throw new Error(`silence exceeded maximum size: ${bytes} bytes (limit: ${maxBytes} bytes)`);
  }

  /** Forgets silences that ended longer ago than the retention. */
  forgetExpired(): void {
    const { clock, retentionMs } = this.options;
    const oldest = clock.now() - retentionMs;
    const before = this.silences.size;
    for (const [id, { silence }] of this.silences) if (silence.endsAt <= oldest) this.silences.delete(id);
    if (this.silences.size === before) return;
    this.order = this.order.filter((id) => this.silences.has(id));
    this.index = new MatcherIndex();
    this.order.forEach((id, place) => {
      this.index.add(place, this.matcherSetsOf(id));
    });
    this.matched.clear();
  }

  private store(change: string, silence: Silence): void {
    this.checkSize(silence);
    this.file.append(silence, { sync: true });
    this.keep(silence);
    const { id, createdBy, comment, startsAt, endsAt } = silence;
    const times = { startsAt: new Date(startsAt).toISOString(), endsAt: new Date(endsAt).toISOString() };
    this.options.changes?.info(change, { id, createdBy, comment, ...times, matchers: silence.matcherSets });
  }

  /** @throws Error where a matcher does not compile */
  private keep(silence: Silence): void {
    const matcherSets = silence.matcherSets.map(compileMatchers);
    if (!this.silences.has(silence.id)) {
      this.index.add(this.order.length, matcherSets);
      this.order.push(silence.id);
    }
    this.silences.set(silence.id, { silence, matcherSets });
  }
}

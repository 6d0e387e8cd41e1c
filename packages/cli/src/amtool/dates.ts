import { GoTime, parseTime } from '@avalanche/gotemplate';

const RFC3339 = '2006-01-02T15:04:05Z07:00';
const OF_JSON = '2006-01-02T15:04:05.000Z07:00';
const ZONE_WORDS = /MST|Z07:00|Z0700|Z07|-07:00|-0700|-07/g;
const MINUTE_MS = 60_000;

/** A moment with the offset from UTC that it was written with, as Go keeps it. */
export class ZonedTime {
  constructor(
    readonly ms: number,
    private readonly offsetMinutes = 0,
  ) {}

  /** A date as RFC 3339 has it. @throws Error in Go's words */
  static parse(text: string): ZonedTime {
    const ms = parseTime(RFC3339, text).milliseconds;
    const [, sign, hours, minutes] = /([+-])(\d\d):(\d\d)$/.exec(text) ?? [];
    const offset = sign === undefined ? 0 : Number(hours) * 60 + Number(minutes);
    return new ZonedTime(ms, sign === '-' ? -offset : offset);
  }

  /** By a layout of Go's. */
  format(layout: string): string {
    const local = new GoTime(this.ms + this.offsetMinutes * MINUTE_MS);
    if (this.offsetMinutes === 0) return local.Format(layout);
    const zones = [...layout.matchAll(ZONE_WORDS)].map(([word]) => this.zone(word));
    const parts = layout.split(ZONE_WORDS).map((part) => local.Format(part));
    return parts.map((part, i) => part + (zones[i] ?? '')).join('');
  }

  toJSON(): string {
    return this.format(OF_JSON);
  }

  /** An offset without a name is printed as such. */
  private zone(word: string): string {
    const size = Math.abs(this.offsetMinutes);
    const [hours, minutes] = [Math.floor(size / 60), size % 60].map((part) => String(part).padStart(2, '0'));
    const sign = this.offsetMinutes < 0 ? '-' : '+';
    if (word.endsWith(':00')) return `${sign}${hours}:${minutes}`;
    return word.endsWith('07') ? `${sign}${hours}` : `${sign}${hours}${minutes}`;
  }
}

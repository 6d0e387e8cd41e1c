export type Scheme = 'light' | 'dark';

/**
 * Ten hues that stay apart for the common forms of colour blindness, ordered so that neighbours differ in lightness too,
 * one list per scheme so that each has contrast on its background.
 */
const SERIES: Readonly<Record<Scheme, readonly string[]>> = {
  dark: ['#5bb8e6', '#f0a63c', '#4fc9a4', '#e5779f', '#b9a2f2', '#e6d562', '#f08a6c', '#8fd46a', '#7d9bf5', '#b8b2a6'],
  light: ['#1b82b5', '#c96f00', '#00886a', '#c23a73', '#7650c9', '#8f7a00', '#cf4f2b', '#4d8a1f', '#3d5fd0', '#6f6a60'],
};
const SERIES_COUNT = 10;

/** Colour of the n-th series; after ten the same hues come again lighter, then darker. */
export function seriesColor(index: number, scheme: Scheme): string {
  const base = SERIES[scheme][index % SERIES_COUNT]!;
  const round = Math.floor(index / SERIES_COUNT) % 3;
  return round === 0 ? base : mix(base, round === 1 ? '#ffffff' : '#000000', 0.35);
}

/** Grafana's colour names, in our tones: green ok, amber warning, red critical, blue info. */
const NAMED: Readonly<Record<string, Readonly<Record<Scheme, string>>>> = {
  green: { dark: '#46b38a', light: '#0d8058' },
  yellow: { dark: '#e3b341', light: '#b07c00' },
  orange: { dark: '#e8934a', light: '#c4620e' },
  red: { dark: '#ef6b66', light: '#cc3333' },
  blue: { dark: '#5bb8e6', light: '#1b82b5' },
  purple: { dark: '#b9a2f2', light: '#7650c9' },
};
const PLAIN: Readonly<Record<string, Readonly<Record<Scheme, string>>>> = {
  text: { dark: '#d5dae1', light: '#252b33' },
  gray: { dark: '#8b95a3', light: '#67717e' },
  grey: { dark: '#8b95a3', light: '#67717e' },
  white: { dark: '#e6eaf0', light: '#252b33' },
  black: { dark: '#e6eaf0', light: '#252b33' },
  transparent: { dark: 'transparent', light: 'transparent' },
};
const SHADES: readonly (readonly [prefix: string, towards: string, amount: number])[] = [
  ['super-light-', '#ffffff', 0.45],
  ['light-', '#ffffff', 0.25],
  ['semi-dark-', '#000000', 0.14],
  ['dark-', '#000000', 0.26],
];

/** A CSS colour for what a dashboard file says: `green`, `dark-red`, `#fade2a`, `rgba(…)`. Unknown words become grey. */
export function cssColor(name: string, scheme: Scheme): string {
  const plain = PLAIN[name] ?? NAMED[name];
  if (plain) return plain[scheme];
  for (const [prefix, towards, amount] of SHADES) {
    const base = name.startsWith(prefix) ? NAMED[name.slice(prefix.length)] : undefined;
    if (base) return mix(base[scheme], towards, amount);
  }
  if (/^(?:#[0-9a-f]{3,8}|(?:rgb|hsl)a?\([\d\s.,%/]+\))$/i.test(name)) return name;
  return /^[a-z]{3,20}$/.test(name) ? name : PLAIN.gray![scheme];
}

const SCALES: Readonly<Record<string, readonly string[]>> = {
  'continuous-GrYlRd': ['green', 'yellow', 'red'],
  'continuous-RdYlGr': ['red', 'yellow', 'green'],
  'continuous-BlYlRd': ['blue', 'yellow', 'red'],
  'continuous-YlRd': ['yellow', 'red'],
  'continuous-BlPu': ['blue', 'purple'],
  'continuous-YlBl': ['yellow', 'blue'],
  'continuous-blues': ['super-light-blue', 'dark-blue'],
  'continuous-reds': ['super-light-red', 'dark-red'],
  'continuous-greens': ['super-light-green', 'dark-green'],
  'continuous-purples': ['super-light-purple', 'dark-purple'],
};

/** Colour at `share` (0 to 1) of a continuous scale; undefined where `mode` is no scale. */
export function scaleColor(mode: string, share: number, scheme: Scheme): string | undefined {
  const stops = SCALES[mode]?.map((name) => cssColor(name, scheme));
  if (!stops) return undefined;
  const at = Math.max(0, Math.min(1, Number.isFinite(share) ? share : 0)) * (stops.length - 1);
  const below = Math.min(stops.length - 2, Math.floor(at));
  return mix(stops[below]!, stops[below + 1]!, at - below);
}

function channels(hex: string): readonly [number, number, number] {
  const value = Number.parseInt(hex.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

/** `amount` (0 to 1) of the way from one `#rrggbb` colour to another. */
function mix(from: string, to: string, amount: number): string {
  const a = channels(from);
  const b = channels(to);
  const parts = a.map((value, i) => Math.round(value + (b[i]! - value) * amount));
  return `#${parts.map((part) => part.toString(16).padStart(2, '0')).join('')}`;
}

/** The colour with an alpha from 0 to 1, whatever way it is written. */
export function withAlpha(color: string, alpha: number): string {
  if (/^#[0-9a-f]{6}$/i.test(color)) {
    return `${color}${Math.round(Math.max(0, Math.min(1, alpha)) * 255)
      .toString(16)
      .padStart(2, '0')}`;
  }
  return color === 'transparent' ? color : `color-mix(in srgb, ${color} ${Math.round(alpha * 100)}%, transparent)`;
}

const NAMES_MAX = 2000;

/** Remembers which colour slot a name has, so that the same name keeps its colour in all panels of a dashboard. */
export class ColorBook {
  readonly #slots = new Map<string, number>();

  /** Slots for the series of one panel: known names keep theirs, others take the lowest that is free here. */
  assign(names: readonly string[]): readonly number[] {
    const used = new Set<number>();
    const slots = names.map((name) => {
      const slot = this.#slots.get(name);
      if (slot === undefined || used.has(slot)) return -1;
      used.add(slot);
      return slot;
    });
    let next = 0;
    return slots.map((slot, i) => {
      if (slot >= 0) return slot;
      while (used.has(next)) next++;
      used.add(next);
      if (!this.#slots.has(names[i]!) && this.#slots.size < NAMES_MAX) this.#slots.set(names[i]!, next);
      return next;
    });
  }
}

/** A flag given wrongly; printed as one line. */
export class UsageError extends Error {
  override readonly name = 'UsageError';

  constructor(
    message: string,
    readonly exitCode = 1,
  ) {
    super(message);
  }
}

export interface FlagSpec {
  readonly kind: 'string' | 'boolean' | 'list';
  readonly help: string;
  /** One letter, for `-x`; several booleans can follow one dash. */
  readonly short?: string;
  readonly default?: string;
  /** What stands for the value in the help. */
  readonly placeholder?: string;
  /** Accepted for the sake of compatibility; has no effect here. */
  readonly ignored?: boolean;
}

export type FlagSpecs = Readonly<Record<string, FlagSpec>>;

/** Flags as given on one command line, over the defaults of their specification. */
export class Flags {
  constructor(
    private readonly specs: FlagSpecs,
    private readonly values: ReadonlyMap<string, readonly string[]>,
    /** Words that are no flags. */
    readonly words: readonly string[],
  ) {}

  /** Whether the flag was given. */
  given(name: string): boolean {
    return this.values.has(name);
  }

  /** These flags with one more given. */
  with(name: string, value: string): Flags {
    return new Flags(this.specs, new Map(this.values).set(name, [value]), this.words);
  }

  string(name: string): string {
    return this.values.get(name)?.at(-1) ?? this.specs[name]?.default ?? '';
  }

  boolean(name: string): boolean {
    return this.string(name) === 'true';
  }

  list(name: string): readonly string[] {
    const given = this.values.get(name);
    if (given) return given;
    const fallback = this.specs[name]?.default;
    return fallback === undefined ? [] : [fallback];
  }

  /** Every flag with its value, as `/api/v1/status/flags` shows them. */
  all(): Record<string, string> {
    return Object.fromEntries(Object.keys(this.specs).map((name) => [name, this.list(name).join(',')]));
  }
}

/**
 * Parses flags as kingpin does, which upstream's servers use: `--x=v`, `--x v`, `--x` and `--no-x` for booleans,
 * repeatable flags, short ones (`-x`, `-xv`, `-x v`), and `--`, after which there are only words; with `singleDash` also `-name`,
 * as Go's flag package takes them.
 * @throws UsageError naming the flag
 */
export function parseFlags(args: readonly string[], specs: FlagSpecs, { singleDash = false } = {}): Flags {
  const values = new Map<string, string[]>();
  const words: string[] = [];
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '--') {
      words.push(...args.slice(i + 1));
      break;
    }
    if (!singleDash && isShort(args[i], specs)) {
      const { name, rest } = shortFlags(args[i].slice(1), specs, values);
      if (name === null) continue;
      const value = rest === '' ? args[++i] : rest;
      if (value === undefined) throw new UsageError(`expected argument for flag '--${name}', try --help`);
      values.set(name, [value]);
      continue;
    }
    const match = (singleDash ? /^--?([^=-][^=]*)(?:=(.*))?$/s : /^--([^=]+)(?:=(.*))?$/s).exec(args[i]);
    if (!match) {
      if (args[i].startsWith('-')) throw new UsageError(`unknown flag ${args[i]}, try --help`);
      words.push(args[i]);
      continue;
    }
    const { name, negated } = resolveName(match[1], specs);
    const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
    if (!spec) throw new UsageError(`unknown long flag '--${match[1]}', try --help`);
    let value = match[2];
    if (spec.kind === 'boolean') value = String(booleanOf(name, value) !== negated);
    else if (value === undefined) {
      value = args[++i];
      if (value === undefined) throw new UsageError(`expected argument for flag '--${name}', try --help`);
    }
    values.set(name, spec.kind === 'list' ? [...(values.get(name) ?? []), value] : [value]);
  }
  return new Flags(specs, values, words);
}

/** Whether letters follow one dash, or the letter of a flag that takes a value. */
function isShort(arg: string, specs: FlagSpecs): boolean {
  if (/^-[a-zA-Z]+$/.test(arg)) return true;
  return /^-[a-zA-Z]/.test(arg) && Object.values(specs).some(({ short }) => short === arg[1]);
}

/**
 * Sets the booleans among the letters after one dash, up to the first that takes a value: that one, and what follows it
 * (`-ojson`, `-o=json`), are given back. @throws UsageError
 */
function shortFlags(letters: string, specs: FlagSpecs, values: Map<string, string[]>) {
  for (let i = 0; i < letters.length; i++) {
    const name = longName(letters[i], specs);
    if (specs[name].kind !== 'boolean') return { name, rest: letters.slice(i + 1).replace(/^=/, '') };
    values.set(name, ['true']);
  }
  return { name: null, rest: '' };
}

/** @throws UsageError where no flag has this letter */
function longName(letter: string, specs: FlagSpecs): string {
  const found = Object.entries(specs).find(([, spec]) => spec.short === letter);
  if (!found) throw new UsageError(`unknown short flag '-${letter}', try --help`);
  return found[0];
}

function resolveName(name: string, specs: FlagSpecs): { readonly name: string; readonly negated: boolean } {
  if (Object.hasOwn(specs, name)) return { name, negated: false };
  const positive = name.replace(/^no-/, '').replace('.no-', '.');
  if (positive !== name && specs[positive]?.kind === 'boolean') return { name: positive, negated: true };
  return { name, negated: false };
}

/** The words of Go's strconv.ParseBool, without one: true. @throws UsageError */
function booleanOf(name: string, value = 'true'): boolean {
  if (/^(1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw new UsageError(`--${name} is true or false, not ${JSON.stringify(value)}`);
}

/** The flags of a command as help text. */
export function describeFlags(specs: FlagSpecs): string {
  const rows = Object.entries(specs)
    .filter(([, spec]) => !spec.ignored)
    .map(([name, spec]) => {
      const value = spec.kind === 'boolean' ? '' : `=${spec.placeholder ?? (spec.default || 'VALUE')}`;
      return [`  ${spec.short ? `-${spec.short}, ` : ''}--${name}${value}`, spec.help] as const;
    });
  const width = Math.min(44, Math.max(0, ...rows.map(([flag]) => flag.length)) + 2);
  return rows
    .map(([flag, help]) => (flag.length >= width ? `${flag}\n${' '.repeat(width)}${help}` : flag.padEnd(width) + help))
    .join('\n');
}

import { type ColorBook, cssColor, type Scheme, scaleColor, seriesColor } from './color.ts';
import { type FieldConfig, mapValue, parseFieldConfig, thresholdStep } from './field-config.ts';
import { type Field, type Frame, fieldLabel, type NumberField } from './frame.ts';
import { interpolate, type Scope, verbatim } from './interpolate.ts';
import { arr, type Json, obj, str, strings } from './json.ts';
import type { Override, Panel } from './model.ts';
import { reduce } from './reducers.ts';
import { type FormattedValue, formatUnit, joinFormatted } from './units.ts';
import { toRegex } from './variables.ts';

/** A field with its configuration after all overrides, its final name and its colour slot. */
export interface ResolvedField {
  readonly field: Field;
  readonly frame: Frame;
  readonly config: FieldConfig;
  readonly name: string;
  readonly slot: number;
}

export interface Shown extends FormattedValue {
  readonly text: string;
  /** CSS colour, where a mapping, threshold or scale gives one. */
  readonly color: string | undefined;
}

/** Applies defaults and overrides to every field of every frame. */
export function resolveFields(
  panel: Pick<Panel, 'defaults' | 'overrides'>,
  frames: readonly Frame[],
  scope: Scope,
  book: ColorBook,
): readonly ResolvedField[] {
  const resolved = frames.flatMap((frame) =>
    frame.fields.map((field) => {
      const config = parseFieldConfig(mergeOverrides(panel.defaults, panel.overrides, field));
      return { field, frame, config, name: displayName(field, config, scope) };
    }),
  );
  const numbers = resolved.filter(({ field }) => field.kind === 'number');
  const slots = book.assign(numbers.map(({ name }) => name));
  const slotOf = new Map(numbers.map((item, i) => [item, slots[i]!]));
  return resolved.map((item) => ({ ...item, slot: slotOf.get(item) ?? 0 }));
}

function displayName(field: Field, config: FieldConfig, scope: Scope): string {
  if (config.displayName === '') return fieldLabel(field);
  const withField = new Map([...scope, ['__cell_0', verbatim(fieldLabel(field))]]);
  const own = config.displayName
    .replaceAll(/\$\{__field\.labels\.(\w+)\}/g, (_, label: string) => field.labels[label] ?? '')
    .replaceAll(/\$\{__(?:field|series)\.(?:name|displayName)\}/g, fieldLabel(field));
  return interpolate(own, withField, 'text') || fieldLabel(field);
}

function mergeOverrides(defaults: Json, overrides: readonly Override[], field: Field): Json {
  let merged = defaults;
  for (const { matcher, properties } of overrides) {
    if (!matches(matcher.id, matcher.options, field)) continue;
    for (const { id, value } of properties) merged = setProperty(merged, id, value);
  }
  return merged;
}

function setProperty(config: Json, id: string, value: unknown): Json {
  if (!id.startsWith('custom.')) return { ...config, [id]: value };
  return { ...config, custom: setPath(obj(config.custom), id.slice('custom.'.length).split('.'), value) };
}

function setPath(target: Json, [head = '', ...rest]: readonly string[], value: unknown): Json {
  return { ...target, [head]: rest.length === 0 ? value : setPath(obj(target[head]), rest, value) };
}

function matches(id: string, options: unknown, field: Field): boolean {
  switch (id) {
    case 'byName':
      return options === fieldLabel(field) || options === field.name;
    case 'byRegexp':
      return toRegex(str(options))?.test(fieldLabel(field)) ?? false;
    case 'byFrameRefID':
      return field.refId === options && field.kind !== 'time';
    case 'byType':
      return options === field.kind || (options === 'string' && field.kind === 'text');
    case 'byNames': {
      const listed = strings(obj(options).names).includes(fieldLabel(field));
      return field.kind === 'number' && (obj(options).mode === 'exclude' ? !listed : listed);
    }
    case 'byValue':
      return field.kind === 'number' && valueMatches(obj(options), field);
    default:
      return false;
  }
}

function valueMatches(options: Json, field: NumberField): boolean {
  const value = reduce(field.values, str(options.reducer, 'lastNotNull'));
  const bound = Number(options.value ?? 0);
  switch (str(options.op, '>=')) {
    case '>':
      return value > bound;
    case '<':
      return value < bound;
    case '<=':
      return value <= bound;
    case '==':
    case '=':
      return value === bound;
    case '!=':
      return value !== bound;
    default:
      return value >= bound;
  }
}

/** A field's value as it is shown: mapped, in its unit, with the colour that its scale gives. */
export function showValue(item: ResolvedField, value: number | string, scheme: Scheme, nowMs?: number): Shown {
  const { config } = item;
  const mapped = mapValue(config.mappings, value);
  const color = mapped?.color ? cssColor(mapped.color, scheme) : valueColor(item, value, scheme);
  if (mapped?.text !== undefined && mapped.text !== '') return shownText(mapped.text, color);
  if (typeof value === 'string') return shownText(value, color);
  if (Number.isNaN(value)) return shownText(config.noValue || '–', color);
  const unit = item.field.kind === 'time' && config.unit === '' ? 'dateTimeAsIso' : config.unit;
  const formatted = formatUnit(value, unit, { decimals: config.decimals, nowMs });
  return { ...formatted, text: joinFormatted(formatted), color };
}

function shownText(text: string, color: string | undefined): Shown {
  return { prefix: '', number: text, suffix: '', text, color };
}

/** Colour of one value by the field's colour mode. */
function valueColor(item: ResolvedField, value: number | string, scheme: Scheme): string | undefined {
  const { colorMode, fixedColor, thresholds, min = 0, max = 100 } = item.config;
  if (typeof value === 'string') return undefined;
  switch (colorMode) {
    case 'fixed':
      return cssColor(fixedColor || 'blue', scheme);
    case 'thresholds':
    case '':
      return Number.isNaN(value) ? undefined : cssColor(thresholdStep(thresholds, value, min, max).color, scheme);
    case 'palette-classic':
    case 'palette-classic-by-name':
      return seriesColor(item.slot, scheme);
    default:
      return scaleColor(colorMode, (value - min) / (max - min || 1), scheme) ?? seriesColor(item.slot, scheme);
  }
}

/** Colour of a whole series, for a line or a legend. */
export function lineColor(item: ResolvedField, scheme: Scheme): string {
  const { colorMode, fixedColor } = item.config;
  if (colorMode === 'fixed' && fixedColor !== '') return cssColor(fixedColor, scheme);
  if (colorMode === 'shades' && fixedColor !== '') return cssColor(fixedColor, scheme);
  if (item.field.kind === 'number' && (colorMode === 'thresholds' || colorMode.startsWith('continuous'))) {
    return valueColor(item, reduce(item.field.values, 'lastNotNull'), scheme) ?? seriesColor(item.slot, scheme);
  }
  return seriesColor(item.slot, scheme);
}

/** One value of a stat, gauge or bar gauge. */
export interface ReducedValue {
  readonly item: ResolvedField;
  readonly value: number | string;
}

const VALUES_MAX = 200;

/** Reduces every number field to one value, or lists all rows where the panel says so. */
export function reducedValues(panel: Panel, fields: readonly ResolvedField[]): readonly ReducedValue[] {
  const options = obj(panel.options.reduceOptions);
  const calc = str(arr(options.calcs)[0], 'lastNotNull');
  const wanted = str(options.fields);
  const chosen = fields.filter((item) => isWanted(item, wanted));
  if (options.values === true) {
    return chosen
      .flatMap((item) => [...item.field.values].map((value) => ({ item, value })))
      .slice(0, Number(options.limit ?? 25));
  }
  return chosen.slice(0, VALUES_MAX).map((item) => ({ item, value: reduceField(item.field, calc) }));
}

function isWanted({ field, name }: ResolvedField, wanted: string): boolean {
  if (wanted === '') return field.kind === 'number';
  const pattern = toRegex(wanted);
  return pattern ? pattern.test(name) || pattern.test(field.name) : true;
}

function reduceField(field: Field, calc: string): number | string {
  if (field.kind !== 'text') return reduce(field.values, calc);
  return field.values[calc.startsWith('first') ? 0 : field.values.length - 1] ?? '';
}

import { arr, bool, type Json, num, obj, str } from './json.ts';

export interface ThresholdStep {
  /** Lower bound; the first step is -Infinity. */
  readonly value: number;
  readonly color: string;
}

export interface Thresholds {
  readonly mode: 'absolute' | 'percentage';
  readonly steps: readonly ThresholdStep[];
}

export interface MappingResult {
  readonly text: string | undefined;
  readonly color: string | undefined;
}

export type ValueMapping =
  | { readonly kind: 'value'; readonly values: ReadonlyMap<string, MappingResult> }
  | { readonly kind: 'range'; readonly from: number; readonly to: number; readonly result: MappingResult }
  | { readonly kind: 'regex'; readonly pattern: string; readonly result: MappingResult }
  | { readonly kind: 'special'; readonly match: string; readonly result: MappingResult };

interface DataLink {
  readonly title: string;
  readonly url: string;
  readonly newTab: boolean;
}

/** How the values of one field are shown. `custom` is the panel type's own part, an open set. */
export interface FieldConfig {
  readonly unit: string;
  readonly decimals: number | undefined;
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly displayName: string;
  readonly noValue: string;
  readonly colorMode: string;
  readonly fixedColor: string;
  readonly thresholds: Thresholds;
  readonly mappings: readonly ValueMapping[];
  readonly links: readonly DataLink[];
  readonly custom: Json;
}

export function parseFieldConfig(raw: Json): FieldConfig {
  const color = obj(raw.color);
  return {
    unit: str(raw.unit),
    decimals: num(raw.decimals),
    min: num(raw.min),
    max: num(raw.max),
    displayName: str(raw.displayName),
    noValue: str(raw.noValue),
    colorMode: str(color.mode, ''),
    fixedColor: str(color.fixedColor),
    thresholds: parseThresholds(raw.thresholds),
    mappings: arr(raw.mappings).flatMap((item) => parseMapping(obj(item))),
    links: arr(raw.links).map((item) => {
      const link = obj(item);
      return { title: str(link.title), url: str(link.url), newTab: bool(link.targetBlank) };
    }),
    custom: obj(raw.custom),
  };
}

function parseThresholds(value: unknown): Thresholds {
  const raw = obj(value);
  const steps = arr(raw.steps).map((item, i) => {
    const step = obj(item);
    const from = num(step.value);
    return { value: i === 0 || from === undefined ? Number.NEGATIVE_INFINITY : from, color: str(step.color, 'green') };
  });
  return {
    mode: raw.mode === 'percentage' ? 'percentage' : 'absolute',
    steps: steps.length > 0 ? steps : [{ value: Number.NEGATIVE_INFINITY, color: 'green' }],
  };
}

function parseResult(value: unknown): MappingResult {
  const raw = obj(value);
  return { text: typeof raw.text === 'string' ? raw.text : undefined, color: str(raw.color) || undefined };
}

function parseMapping(raw: Json): readonly ValueMapping[] {
  const options = obj(raw.options);
  const result = parseResult(options.result);
  switch (raw.type) {
    case 'value':
      return [
        { kind: 'value', values: new Map(Object.entries(options).map(([key, item]) => [key, parseResult(item)])) },
      ];
    case 'range':
      return [
        {
          kind: 'range',
          from: num(options.from) ?? Number.NEGATIVE_INFINITY,
          to: num(options.to) ?? Number.POSITIVE_INFINITY,
          result,
        },
      ];
    case 'regex':
      return [{ kind: 'regex', pattern: str(options.pattern), result }];
    case 'special':
      return [{ kind: 'special', match: str(options.match), result }];
    case 1:
      return [{ kind: 'value', values: new Map([[str(raw.value), { text: str(raw.text), color: undefined }]]) }];
    case 2:
      return [
        {
          kind: 'range',
          from: num(raw.from) ?? Number.NEGATIVE_INFINITY,
          to: num(raw.to) ?? Number.POSITIVE_INFINITY,
          result: { text: str(raw.text), color: undefined },
        },
      ];
    default:
      return [];
  }
}

/** The mapping that applies to a value, if any. */
export function mapValue(mappings: readonly ValueMapping[], value: number | string): MappingResult | undefined {
  for (const mapping of mappings) {
    const result = tryMapping(mapping, value);
    if (result) return result;
  }
  return undefined;
}

function tryMapping(mapping: ValueMapping, value: number | string): MappingResult | undefined {
  switch (mapping.kind) {
    case 'value':
      return mapping.values.get(String(value));
    case 'range': {
      const inside = typeof value === 'number' && value >= mapping.from && value <= mapping.to;
      return inside ? mapping.result : undefined;
    }
    case 'regex':
      return regexResult(mapping.pattern, mapping.result, String(value));
    case 'special':
      return isSpecial(mapping.match, value) ? mapping.result : undefined;
    default:
      return mapping satisfies never;
  }
}

function regexResult(pattern: string, result: MappingResult, value: string): MappingResult | undefined {
  try {
    const regex = new RegExp(pattern.replace(/^\/(.*)\/\w*$/, '$1'));
    if (!regex.test(value)) return undefined;
    return result.text === undefined ? result : { ...result, text: value.replace(regex, result.text) };
  } catch {
    return undefined;
  }
}

/** In a picture, absent and NaN look alike, and so both match either of their names. */
function isSpecial(match: string, value: number | string): boolean {
  switch (match) {
    case 'null':
    case 'nan':
    case 'null+nan':
      return typeof value === 'number' && Number.isNaN(value);
    case 'empty':
      return value === '';
    case 'true':
      return value === 'true' || value === 1;
    case 'false':
      return value === 'false' || value === 0;
    default:
      return false;
  }
}

/** Position of the step that `value` falls in. `min` and `max` give percentages their meaning. */
export function thresholdStep({ mode, steps }: Thresholds, value: number, min = 0, max = 100): ThresholdStep {
  const at = mode === 'percentage' ? ((value - min) / (max - min || 1)) * 100 : value;
  let found = steps[0]!;
  for (const step of steps) if (at >= step.value) found = step;
  return found;
}

/** Threshold bounds in the field's own scale, without the base step. */
export function thresholdBounds({ mode, steps }: Thresholds, min = 0, max = 100): readonly ThresholdStep[] {
  return steps
    .filter((step) => Number.isFinite(step.value))
    .map((step) => (mode === 'percentage' ? { ...step, value: min + (step.value / 100) * (max - min) } : step));
}

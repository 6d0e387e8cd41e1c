/**
 * Go's values in JavaScript: string, boolean, number (float64), bigint (int), array, plain object (a map from strings to
 * strings) or Map (a map from strings to anything), `GoStruct`, instances of classes with methods, functions; null and
 * undefined are nil.
 */

const TYPE = Symbol('Go type');

/** Says what Go calls the type of an array, map or function, for errors and for functions that want that type. */
export function named<T extends object>(type: string, value: T): T {
  return Object.defineProperty(value, TYPE, { value: type, enumerable: false, configurable: true });
}

type Fields = Readonly<Record<string, unknown>>;

/** A struct, or a pointer to one: fields that can be named, and no others. */
export class GoStruct {
  constructor(
    readonly typeName: string,
    /** Or what makes them when they are first asked for: of thousands of alerts a template may look at a hundred. */
    private given: Fields | (() => Fields),
    /** What Go's String() method would print; without it, the fields are printed. */
    private readonly text?: string,
  ) {}

  get fields(): Fields {
    if (typeof this.given === 'function') this.given = this.given();
    return this.given;
  }

  toString(): string | undefined {
    return this.text;
  }
}

/** Text that is HTML already and that an HTML template writes as it is (Go's template.HTML). */
export class SafeHtml {
  constructor(readonly html: string) {}

  toString(): string {
    return this.html;
  }
}

named('template.HTML', SafeHtml.prototype);

/** An address whose scheme an HTML template lets through, whatever it is (Go's template.URL). */
export class SafeUrl {
  constructor(readonly url: string) {}

  toString(): string {
    return this.url;
  }
}

named('template.URL', SafeUrl.prototype);

const METHODS = Symbol('Go methods');

/**
 * Gives a map or an array methods (called on it as `this`), which come before an entry of the same name and do not show
 * when it is ranged over; `String` says how it is printed.
 */
export function withMethods<T extends object>(value: T, methods: Readonly<Record<string, TemplateFunction>>): T {
  return Object.defineProperty(value, METHODS, { value: methods, enumerable: false });
}

/** The method of that name that `withMethods` gave. */
export function givenMethod(owner: object, name: string): TemplateFunction | undefined {
  const methods = (owner as { readonly [METHODS]?: Readonly<Record<string, TemplateFunction>> })[METHODS];
  return methods && Object.hasOwn(methods, name) ? methods[name] : undefined;
}

export function isNil(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const proto: unknown = Object.getPrototypeOf(value);
  return proto === Object.prototype || proto === null;
}

/** What Go calls the type of a value. */
export function typeName(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return 'string';
    case 'number':
      return 'float64';
    case 'bigint':
      return 'int';
    case 'boolean':
      return 'bool';
    case 'function':
      return 'func';
    default:
      return isNil(value) ? '<nil>' : objectTypeName(value as object);
  }
}

function objectTypeName(value: object): string {
  if (value instanceof GoStruct) return value.typeName;
  const given = (value as { readonly [TYPE]?: string })[TYPE];
  if (given !== undefined) return given;
  if (Array.isArray(value)) return '[]interface {}';
  if (value instanceof Map) return 'map[string]interface {}';
  if (isPlainObject(value)) return 'map[string]string';
  return `*${value.constructor.name}`;
}

/** What the `String` that `withMethods` gave says. */
export function givenText(value: unknown): string | undefined {
  const text = typeof value === 'object' && value !== null ? givenMethod(value, 'String') : undefined;
  return text && String((text as (this: object) => unknown).call(value as object));
}

/** Whether Go counts a value as true: not the zero value of its type, not empty. */
export function isTrue(value: unknown): boolean {
  if (isNil(value) || value === false || value === 0 || value === 0n || value === '') return false;
  if (value instanceof SafeHtml || value instanceof SafeUrl) return value.toString() !== '';
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof Map) return value.size > 0;
  return !isPlainObject(value) || Object.keys(value).length > 0;
}

/** What a function wants of an argument: one of these, the name of a Go type, or `any`. */
export interface Signature {
  readonly params: readonly string[];
  /** The type of all further arguments. */
  readonly variadic?: string;
}

export type TemplateFunction = ((...args: never[]) => unknown) & { readonly signature?: Signature };
export type TemplateFunctions = Readonly<Record<string, TemplateFunction>>;

/** A function whose arguments are checked for number and type before the call, as Go does. */
export function typed(
  params: readonly string[],
  call: (...args: never[]) => unknown,
  variadic?: string,
): TemplateFunction {
  const signature: Signature = variadic === undefined ? { params } : { params, variadic };
  return Object.assign((...args: never[]) => call(...args), { signature });
}

/** A method for `withMethods`, whose arguments are checked as those of `typed` are. */
export function method<Receiver>(
  params: readonly string[],
  call: (this: Receiver, ...args: never[]) => unknown,
): TemplateFunction {
  return Object.assign(call as TemplateFunction, { signature: { params } });
}

/** Whether Go would take nil for a parameter of this type. */
export function canBeNil(type: string): boolean {
  return type === 'any' || /^(?:\*|\[\]|map\[)/.test(type) || type.endsWith('.queryResult');
}

/** The bytes of a string; a lone surrogate U+DCxx is a byte that is no UTF-8. */
export function bytesOf(text: string): Buffer {
  if (!/[\udc80-\udcff]/.test(text)) return Buffer.from(text);
  const parts = [...text].map((char) => {
    const code = char.codePointAt(0) as number;
    return code >= 0xdc80 && code <= 0xdcff ? Buffer.of(code - 0xdc00) : Buffer.from(char);
  });
  return Buffer.concat(parts);
}

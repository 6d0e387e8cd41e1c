/** A name as the path of `/label/NAME/values` may have it: `U__` and then plain characters, `__` and `_HEX_`. */
const ESCAPED = /^U__((?:[^_]|__|_[0-9a-fA-F]{1,5}_)*)$/;

/** The label name that a path means: upstream's "values" escaping (`U__my_2e_label`) is undone, all else is as it is. */
export function labelNameOf(text: string): string {
  const escaped = ESCAPED.exec(text);
  if (!escaped) return text;
  const codes = [...escaped[1].matchAll(/_([0-9a-fA-F]+)_/g)].map(([, hex]) => Number.parseInt(hex, 16));
  if (codes.some((code) => code >= 0xd800 && code <= 0xdfff)) return text;
  return escaped[1].replace(/__|_([0-9a-fA-F]+)_/g, (_, hex?: string) =>
    hex === undefined ? '_' : String.fromCodePoint(Number.parseInt(hex, 16)),
  );
}

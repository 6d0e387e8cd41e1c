type Version = readonly [number, number, number];

/**
 * Whether a version is in a range such as `>=10.0.0 <12.0.0 || 9.6.x`, as `runonserver` and `pg_version` of a queries file
 * have them (the notation of blang/semver).
 * @throws Error where it is no range
 */
export function inVersionRange(serverVersion: number, range: string): boolean {
  const version: Version = [Math.floor(serverVersion / 10_000), serverVersion % 10_000, 0];
  return range.split('||').some((part) => {
    const conditions = part
      .trim()
      .replace(/([<>=!]+)\s+/g, '$1')
      .split(/\s+/);
    return conditions.map((condition) => meets(version, condition)).every(Boolean);
  });
}

function meets(version: Version, condition: string): boolean {
  const match = /^(>=|<=|>|<|==?|!=?)?v?(\d+)(?:\.(\d+|x))?(?:\.(\d+|x))?$/.exec(condition);
  if (!match) throw new Error(`${JSON.stringify(condition)} is not a condition on a version, such as >=10.0.0`);
  const [, operator = '=', ...parts] = match;
  const isOpen = parts.some((part) => part === 'x');
  const known = parts.filter((part) => part !== undefined && part !== 'x').map(Number);
  const wanted = isOpen ? known : [...known, 0, 0].slice(0, 3);
  const order = compare(version.slice(0, wanted.length), wanted);
  switch (operator) {
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '!':
    case '!=':
      return order !== 0;
    default:
      return order === 0;
  }
}

function compare(a: readonly number[], b: readonly number[]): number {
  const i = a.findIndex((part, at) => part !== b[at]);
  return i < 0 ? 0 : a[i] - b[i];
}

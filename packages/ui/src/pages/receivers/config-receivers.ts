/** A receiver as the configuration has it. */
export interface ConfiguredReceiver {
  readonly name: string;
  /** `webhook[0]`, `email[0]`, … as the log of notifications calls them. */
  readonly integrations: readonly string[];
}

const ENTRY = /^(\s*)- (.*)$/;
const KIND = /^(\s*)(?:- )?(\w+)_configs:(?:\s*(\[\s*\]|null|~))?\s*$/;

/**
 * Receivers of the configuration that an Alertmanager shows in its status. It is printed by the server, in blocks, so
 * indentation is enough; the API itself tells names only.
 */
export function configuredReceivers(yaml: string): readonly ConfiguredReceiver[] {
  const lines = receiverLines(yaml);
  const indent = Math.min(...lines.map((line) => ENTRY.exec(line)?.[1]?.length ?? Number.POSITIVE_INFINITY));
  const starts = lines.flatMap((line, i) => (ENTRY.exec(line)?.[1]?.length === indent ? [i] : []));
  return starts.map((start, i) => readReceiver(lines.slice(start, starts[i + 1]), indent + 2));
}

/** The lines below `receivers:` at the beginning of a line. */
function receiverLines(yaml: string): readonly string[] {
  const lines = yaml.split('\n').filter((line) => line.trim() !== '');
  const start = lines.findIndex((line) => /^receivers:\s*$/.test(line));
  if (start === -1) return [];
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => /^[^\s-]/.test(line));
  return end === -1 ? rest : rest.slice(0, end);
}

function readReceiver(lines: readonly string[], keyIndent: number): ConfiguredReceiver {
  // The first key stands behind the dash.
  const keys = lines.map((line, i) => (i === 0 ? ' '.repeat(keyIndent) + line.trim().slice(2) : line));
  const name = keys.map((line) => /^\s*name:\s*(.*)$/.exec(line)).find((match) => match !== null)?.[1] ?? '';
  const integrations: string[] = [];
  let kind = '';
  let index = 0;
  let itemIndent = -1;
  for (const line of keys) {
    const indent = line.length - line.trimStart().length;
    if (indent === keyIndent && !ENTRY.test(line)) {
      const match = KIND.exec(line);
      kind = match && match[3] === undefined ? (match[2] ?? '') : '';
      index = 0;
      itemIndent = -1;
    } else if (kind !== '' && ENTRY.test(line)) {
      if (itemIndent === -1) itemIndent = indent;
      if (indent === itemIndent) integrations.push(`${kind}[${index++}]`);
    }
  }
  return { name: unquoted(name), integrations };
}

function unquoted(text: string): string {
  if (/^'.*'$/.test(text)) return text.slice(1, -1).replaceAll("''", "'");
  if (!/^".*"$/.test(text)) return text;
  try {
    return String(JSON.parse(text));
  } catch {
    return text.slice(1, -1);
  }
}

/** Keeps text from being markup for Slack: a label cannot mention `<!channel>` or hide a link. */
export function escapeSlack(text: unknown): string {
  return String(text).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

/** Keeps text from being markup of Markdown: a label is neither a link, nor a heading, nor a mention. */
export function escapeMarkdown(text: unknown): string {
  return String(text)
    .replace(/[\\`*_{}[\]()<>#|~]/g, '\\$&')
    .replace(/@/g, '@\u200b');
}

/** An address that may become a link, percent-encoded; '' of anything but http(s), so that no `javascript:` gets through. */
export function linkOrNothing(text: unknown): string {
  try {
    const url = new URL(String(text));
    return url.protocol === 'http:' || url.protocol === 'https:' ? url.href.replace(/[|>()]/g, percentEncoded) : '';
  } catch {
    return '';
  }
}

function percentEncoded(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
}

/** At most so many characters of a text, with an ellipsis where some are left out. */
export function shortened(max: bigint, text: unknown): string {
  const whole = String(text);
  if (whole.length <= Number(max)) return whole;
  return `${[...whole.slice(0, Number(max))].slice(0, -1).join('')}…`;
}

/** A longer filter makes an address that neither mail programs nor chats take. */
const FILTER_CHARACTERS_MAX = 1500;

/** Where the alerts with these labels can be silenced, in upstream's form of the address; without a filter if that is huge. */
export function silenceUrl(externalUrl: string, labels: Readonly<Record<string, string>>): string {
  const page = `${externalUrl}/#/silences/new`;
  const matchers: string[] = [];
  let characters = 0;
  for (const [name, value] of Object.entries(labels)) {
    // before it is encoded: a label may be of a megabyte
    characters += name.length + value.length;
    if (characters > FILTER_CHARACTERS_MAX) return page;
    matchers.push(`${name}=${JSON.stringify(value)}`);
  }
  return `${page}?filter=${encodeURIComponent(`{${matchers.join(',')}}`)}`;
}

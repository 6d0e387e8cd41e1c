import { printMatcher } from '@avalanche/alertmanager';

export type LabelSet = Readonly<Record<string, string>>;

/** A text of others as one line that does nothing to a terminal. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/\p{Cc}/gu, '\ufffd');
}

/** `DiskFull{instance="h:1"}`. */
export function alertTitle({ alertname = '', ...others }: LabelSet): string {
  return oneLine(Object.keys(others).length === 0 ? alertname : `${alertname}${labelText(others)}`);
}

/** `{a="b",c="d"}`. */
export function labelText(labels: LabelSet): string {
  const texts = Object.entries(labels).map(([name, value]) => printMatcher({ name, type: '=', value }));
  return oneLine(`{${texts.join(',')}}`);
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

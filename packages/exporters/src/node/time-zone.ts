import { readFileSync } from 'node:fs';

const OFFSET = String.raw`[+-]?\d+(?::\d+){0,2}`;
const NAME = '<[^>]+>|[A-Za-z]+';
/** The last line of a zone file, such as `CET-1CEST,M3.5.0,M10.5.0/3`: names and how far they are behind UTC. */
const RULE = new RegExp(`^(${NAME})(${OFFSET})(?:(${NAME})(${OFFSET})?)?`);

/**
 * The abbreviation of the local time zone when it is `offsetMinutes` ahead of UTC, such as `CET`, from the zone's file: the
 * formatter of dates would take 60 ms and megabytes to load. `UTC` where there is no file, as in Go.
 */
export function zoneAbbreviation(offsetMinutes: number, zone = process.env.TZ): string {
  const match = RULE.exec(ruleOf(zone));
  if (!match) return 'UTC';
  const [, standard, behind, summer] = match;
  const isStandard = -minutesOf(behind) === offsetMinutes || summer === undefined;
  return (isStandard ? standard : summer).replace(/[<>]/g, '');
}

function ruleOf(zone: string | undefined): string {
  if (zone === '') return 'UTC0';
  try {
    const path = zone === undefined ? '/etc/localtime' : `/usr/share/zoneinfo/${zone.replace(/^:/, '')}`;
    return readFileSync(path, 'latin1').trimEnd().split('\n').at(-1) ?? '';
  } catch {
    return 'UTC0';
  }
}

function minutesOf(text: string): number {
  const [hours, minutes = '0'] = text.replace(/^[+-]/, '').split(':');
  return (Number(hours) * 60 + Number(minutes)) * (text.startsWith('-') ? -1 : 1);
}

import { readFileSync } from 'node:fs';
import type { RedisAddress } from './address.ts';

/** Passwords by server: `{"redis://host:6379": "…", "redis://user@host:6379": "…"}`. */
export type Passwords = ReadonlyMap<string, string>;

/** Reads the file of `--redis.password-file`. @throws Error naming the file, without anything of what it holds */
export function readPasswords(file: string): Passwords {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`cannot read ${file}: ${(error as NodeJS.ErrnoException).code}`);
  }
  let entries: unknown;
  try {
    entries = JSON.parse(text);
  } catch {
    throw new Error(`${file} is not JSON`);
  }
  if (entries === null || typeof entries !== 'object' || Array.isArray(entries)) {
    throw new Error(`${file} must be an object of passwords by address`);
  }
  for (const [address, password] of Object.entries(entries)) {
    if (typeof password !== 'string') throw new Error(`${file}: the password of ${address} is no text`);
  }
  return new Map(Object.entries(entries as Record<string, string>));
}

/** The password of a server, as which the exporter is this user. */
export function passwordOf(passwords: Passwords, { uri }: RedisAddress, user: string): string | undefined {
  if (uri === '') return undefined;
  const url = new URL(uri);
  if (user !== '') url.username = encodeURIComponent(user);
  const { href } = url;
  return passwords.get(href) ?? passwords.get(href.replace(/\/$/, ''));
}

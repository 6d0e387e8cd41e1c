import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const DEFAULT_PASSWORD = 'admin';

interface StoredUser {
  readonly login: string;
  /** scrypt of the password under `salt`, both in hex. */
  readonly hash: string;
  readonly salt: string;
  readonly usesDefaultPassword: boolean;
}

export interface User {
  readonly login: string;
  readonly usesDefaultPassword: boolean;
}

const SESSION_MS = 30 * 86_400_000;
const SESSIONS_MAX = 1000;
const FAILURES_MAX = 5;
const FAILURE_WINDOW_MS = 5 * 60_000;

/**
 * The administrator and the sessions of browsers. Passwords are kept as scrypt hashes in one file, readable by us
 * alone; sessions live as long as the process.
 */
export class Users {
  private user!: StoredUser;
  private readonly sessions = new Map<string, number>();
  private failures: number[] = [];
  private turn: Promise<unknown> = Promise.resolve();

  private constructor(private readonly file: string) {}

  /** Reads the user file, or makes it with `initial`. An initial password that is given wins over one on file. */
  static async open(
    directory: string,
    initial: { readonly login: string; readonly password: string | undefined },
  ): Promise<Users> {
    const users = new Users(join(directory, 'users.json'));
    const stored = existsSync(users.file) ? (JSON.parse(readFileSync(users.file, 'utf8')) as StoredUser) : undefined;
    if (stored) users.user = stored;
    if (!stored || initial.password !== undefined) {
      await users.setPassword(stored?.login ?? initial.login, initial.password ?? DEFAULT_PASSWORD);
    }
    return users;
  }

  get usesDefaultPassword(): boolean {
    return this.user.usesDefaultPassword;
  }

  /** The user of a login, or null. After five wrong passwords in five minutes every login is refused for a while. */
  authenticate(login: string, password: string): Promise<User | null> {
    // One after the other, so that guesses sent at once are not all let through before the first has failed.
    const result = this.turn.then(() => this.check(login, password));
    this.turn = result.catch(() => {});
    return result;
  }

  private async check(login: string, password: string): Promise<User | null> {
    if (this.isLockedOut()) return null;
    const hash = await hashOf(password, this.user.salt);
    const same = timingSafeEqual(hash, Buffer.from(this.user.hash, 'hex'));
    if (same && login === this.user.login) return this.user;
    this.failures.push(Date.now());
    return null;
  }

  isLockedOut(): boolean {
    const since = Date.now() - FAILURE_WINDOW_MS;
    this.failures = this.failures.filter((time) => time > since).slice(-FAILURES_MAX);
    return this.failures.length >= FAILURES_MAX;
  }

  /** Opens a session and returns its secret. */
  openSession(): string {
    const secret = randomBytes(24).toString('hex');
    if (this.sessions.size >= SESSIONS_MAX) this.sessions.delete(this.sessions.keys().next().value as string);
    this.sessions.set(secret, Date.now() + SESSION_MS);
    return secret;
  }

  userOfSession(secret: string): User | null {
    const expires = this.sessions.get(secret);
    return expires !== undefined && expires > Date.now() ? this.user : null;
  }

  closeSession(secret: string): void {
    this.sessions.delete(secret);
  }

  /** Sets a new password and ends every session but `keep`. */
  async changePassword(password: string, keep: string): Promise<void> {
    await this.setPassword(this.user.login, password);
    for (const secret of this.sessions.keys()) if (secret !== keep) this.sessions.delete(secret);
  }

  private async setPassword(login: string, password: string): Promise<void> {
    const salt = randomBytes(16).toString('hex');
    const hash = (await hashOf(password, salt)).toString('hex');
    this.user = { login, hash, salt, usesDefaultPassword: password === DEFAULT_PASSWORD };
    writeFileSync(`${this.file}.tmp`, `${JSON.stringify(this.user, null, 2)}\n`, { mode: 0o600 });
    renameSync(`${this.file}.tmp`, this.file);
  }
}

function hashOf(password: string, salt: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, Buffer.from(salt, 'hex'), 32, (error, key) => (error ? reject(error) : resolve(key)));
  });
}

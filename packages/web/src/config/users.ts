import { isPassword, passwordWorkerFile } from './password-check.ts';

/** Of nobody: so that asking for a user who is not there costs the same time. */
const NOBODY = `$2b$10$${'.'.repeat(22)}${'.'.repeat(31)}`;
const CACHE_MAX = 100;

/**
 * Checks names and passwords against bcrypt hashes. Each check costs tens of milliseconds, on purpose: so there is one at
 * a time, and the last outcomes are kept, right ones and wrong ones, as in exporter-toolkit.
 */
export class UserCheck {
  private readonly outcomes = new Map<string, boolean>();
  private turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly workerFile = passwordWorkerFile()) {}

  /** Whether the value of an `Authorization` header names one of `users` with its password. */
  async accepts(authorization: string | undefined, users: Readonly<Record<string, string>>): Promise<boolean> {
    const given = credentialsOf(authorization);
    if (!given) return false;
    const known = Object.hasOwn(users, given.user);
    const hash = known ? users[given.user] : NOBODY;
    const key = JSON.stringify([given.user, hash, given.password]);
    const before = this.outcomes.get(key);
    if (before !== undefined) return before;
    const checked = this.turn.then(async () => {
      const { password } = given;
      return this.outcomes.get(key) ?? isPassword({ password, hash }, this.workerFile);
    });
    this.turn = checked.catch(() => {});
    // Waited for even where nobody has the name: so that the time tells nothing.
    const right = (await checked) && known;
    if (this.outcomes.size >= CACHE_MAX) this.outcomes.delete(this.outcomes.keys().next().value ?? '');
    this.outcomes.set(key, right);
    return right;
  }
}

function credentialsOf(authorization = ''): { readonly user: string; readonly password: string } | null {
  const encoded = /^Basic +([A-Za-z0-9+/=_-]+)$/i.exec(authorization)?.[1];
  if (encoded === undefined) return null;
  const text = Buffer.from(encoded, 'base64').toString();
  const colon = text.indexOf(':');
  return colon < 0 ? null : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** What is wrong with a bcrypt hash, in the words of golang.org/x/crypto; null where nothing is. */
export function hashProblem(hash: string): string | null {
  if (hash.length < 59) return 'crypto/bcrypt: hashedSecret too short to be a bcrypted password';
  if (hash[0] !== '$')
    return `crypto/bcrypt: bcrypt hashes must start with '$', but hashedSecret started with '${hash[0]}'`;
  if (hash[1] > '2') {
    return `crypto/bcrypt: bcrypt algorithm version '${hash[1]}' requested is newer than current version '2'`;
  }
  const cost = /^\$2[aby]?\$(\d\d)\$/.exec(hash)?.[1];
  if (cost === undefined) return 'crypto/bcrypt: hashedSecret is not the hash of the given password';
  const number = Number(cost);
  return number < 4 || number > 31 ? `crypto/bcrypt: cost ${number} is outside allowed inclusive range 4..31` : null;
}

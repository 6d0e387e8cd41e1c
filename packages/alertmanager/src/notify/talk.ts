import { SECRET } from '../config/values.ts';

/** How much of a body is told. */
const BODY_CHARACTERS_MAX = 4000;

/** Shorter values are hardly secrets, and would tear up whatever else is told. */
const SECRET_CHARACTERS_MIN = 4;

/** Hides the secrets that it has been told of, however they are written: as they are, in an address or in JSON. */
export class Mask {
  private readonly secrets = new Set<string>();

  add(secret: string): void {
    if (secret.length < SECRET_CHARACTERS_MIN) return;
    const encoded = [encodeURIComponent(secret), new URLSearchParams({ s: secret }).toString().slice(2)];
    for (const form of [secret, ...encoded, JSON.stringify(secret).slice(1, -1)]) this.secrets.add(form);
  }

  hide(text: string): string {
    let out = text;
    for (const secret of this.secrets) out = out.replaceAll(secret, SECRET);
    return out;
  }
}

/** The talk with a server as whoever tries a receiver out sees it, line by line, without its secrets. */
export class Talk {
  readonly mask = new Mask();

  constructor(private readonly listener: ((line: string) => void) | undefined) {}

  /** Whether anybody listens: what nobody reads need not be put together. */
  get isHeard(): boolean {
    return this.listener !== undefined;
  }

  sent(text: string): void {
    this.tell('>', text);
  }

  received(text: string): void {
    this.tell('<', text);
  }

  /** What happened besides. */
  note(text: string): void {
    this.tell('*', text);
  }

  private tell(sign: string, text: string): void {
    if (!this.listener || text === '') return;
    const shown = text.length > BODY_CHARACTERS_MAX ? `${text.slice(0, BODY_CHARACTERS_MAX)}…` : text;
    for (const line of this.mask.hide(shown).split(/\r?\n/)) this.listener(`${sign} ${line}`);
  }
}

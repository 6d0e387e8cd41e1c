/** Variables of one block; lookups go outwards. */
export class Scope {
  private readonly values = new Map<string, unknown>();

  constructor(private readonly parent: Scope | undefined) {}

  declare(name: string, value: unknown): this {
    this.values.set(name, value);
    return this;
  }

  /** False where there is no such variable. */
  assign(name: string, value: unknown): boolean {
    if (!this.values.has(name)) return this.parent?.assign(name, value) ?? false;
    this.values.set(name, value);
    return true;
  }

  get(name: string): unknown {
    return this.values.has(name) || !this.parent ? this.values.get(name) : this.parent.get(name);
  }

  has(name: string): boolean {
    return this.values.has(name) || (this.parent?.has(name) ?? false);
  }
}

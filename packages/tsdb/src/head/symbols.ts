/** Interned label names and values: a string is kept once and known by its number. Number 0 is the empty string. */
export class Symbols {
  private readonly texts: string[] = [''];
  private readonly numbers = new Map<string, number>([['', 0]]);
  private readonly free: number[] = [];

  get size(): number {
    return this.numbers.size;
  }

  /** One more than the highest number in use. */
  get capacity(): number {
    return this.texts.length;
  }

  intern(text: string): number {
    let number = this.numbers.get(text);
    if (number === undefined) {
      number = this.free.pop() ?? this.texts.length;
      this.texts[number] = text;
      this.numbers.set(text, number);
    }
    return number;
  }

  /** The number of a string already interned, or -1. */
  find(text: string): number {
    return this.numbers.get(text) ?? -1;
  }

  text(number: number): string {
    return this.texts[number];
  }

  /** Forgets the strings whose number has a 0 in `used`; the numbers are given out again. */
  keep(used: Uint8Array): void {
    for (const [text, number] of this.numbers) {
      if (number === 0 || used[number] === 1) continue;
      this.numbers.delete(text);
      this.texts[number] = '';
      this.free.push(number);
    }
  }
}

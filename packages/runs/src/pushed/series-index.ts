import type { FamilyType } from '@avalanche/exposition';
import type { KeptFamily } from './kept-family.ts';

interface Known {
  /** By group. */
  readonly types: Map<string, FamilyType>;
  /** Which group has a series. */
  readonly owners: Map<string, string>;
}

/** Which groups have a family, and which has a series, so that a push is compared with what it has itself, and not with all that was ever pushed. */
export class SeriesIndex {
  private readonly families = new Map<string, Known>();

  /** Yields between series. */
  *add(group: string, { name, type, series }: KeptFamily): Generator<void, void> {
    const known = this.families.get(name) ?? { types: new Map(), owners: new Map() };
    this.families.set(name, known);
    known.types.set(group, type);
    for (const one of series) {
      known.owners.set(one, group);
      yield;
    }
  }

  /** Yields between series. */
  *remove(group: string, { name, series }: KeptFamily): Generator<void, void> {
    const known = this.families.get(name);
    if (!known) return;
    known.types.delete(group);
    if (known.types.size === 0) this.families.delete(name);
    else {
      for (const one of series) {
        if (known.owners.get(one) === group) known.owners.delete(one);
        yield;
      }
    }
  }

  /** The type that a family has in another group. */
  typeBeside(group: string, name: string): FamilyType | undefined {
    for (const [other, type] of this.families.get(name)?.types ?? []) if (other !== group) return type;
    return undefined;
  }

  hasBeside(group: string, name: string, series: string): boolean {
    return (this.families.get(name)?.owners.get(series) ?? group) !== group;
  }

  clear(): void {
    this.families.clear();
  }
}

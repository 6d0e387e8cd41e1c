/**
 * What changes one group is done in the order in which it came, and what changes all of them between what came before and
 * what comes after: the later request wins, however long the earlier one takes.
 */
export class TurnsOfGroups {
  private readonly last = new Map<string, Promise<unknown>>();
  /** What is about all groups and came last. */
  private ofAll: Promise<unknown> = Promise.resolve();

  /** Runs `work` when all that came before for the group has ended, well or not. */
  run<T>(group: string, work: () => Promise<T>): Promise<T> {
    const before = this.last.get(group) ?? this.ofAll;
    const result = before.then(work, work);
    this.last.set(group, result);
    const forget = () => {
      if (this.last.get(group) === result) this.last.delete(group);
    };
    result.then(forget, forget);
    return result;
  }

  /** Runs `work` when all that came before for any group has ended, well or not. */
  runForAll<T>(work: () => Promise<T>): Promise<T> {
    const result = Promise.allSettled([this.ofAll, ...this.last.values()]).then(work);
    this.ofAll = result;
    this.last.clear();
    return result;
  }
}

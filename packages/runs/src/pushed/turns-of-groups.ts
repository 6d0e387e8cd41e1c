/** What changes one group is done in the order in which it came: the later push wins, however long the earlier one takes. */
export class TurnsOfGroups {
  private readonly last = new Map<string, Promise<unknown>>();

  /** Runs `work` when all that came before for the group has ended, well or not. */
  run<T>(group: string, work: () => Promise<T>): Promise<T> {
    const before = this.last.get(group) ?? Promise.resolve();
    const result = before.then(work, work);
    this.last.set(group, result);
    const forget = () => {
      if (this.last.get(group) === result) this.last.delete(group);
    };
    result.then(forget, forget);
    return result;
  }
}

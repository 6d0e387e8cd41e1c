/**
 * Wraps a function, or decorates a method (`@tracker` of TC39's stage 3, as TypeScript 5 and later compile it).
 * The wrapped one has the same signature, `this`, name, result and exceptions.
 */
export type Tracker<Result> = <This, Args extends unknown[], Return extends Result | PromiseLike<Result>>(
  fn: (this: This, ...args: Args) => Return,
  context?: ClassMethodDecoratorContext<This, (this: This, ...args: Args) => Return>,
) => (this: This, ...args: Args) => Return;

/** What a tracker does around one call. Exactly one of the two is called, once. */
export interface CallObserver<Result> {
  succeeded(result: Result): void;
  failed(error: unknown): void;
}

/** A tracker that asks `begin` for an observer at each call. An exception is observed and rethrown as it is. */
export function createTracker<Result>(begin: () => CallObserver<Result>): Tracker<Result> {
  return (fn, context) => {
    if (context !== undefined && context.kind !== 'method') {
      throw new TypeError(`only methods can be tracked, not a ${String((context as { kind: unknown }).kind)}`);
    }
    return named(fn.name, function tracked(...args) {
      const observer = begin();
      let result: ReturnType<typeof fn>;
      try {
        result = fn.apply(this, args);
      } catch (error) {
        observer.failed(error);
        throw error;
      }
      if (!isThenable(result)) {
        observer.succeeded(result as Result);
        return result;
      }
      return followed(result as PromiseLike<Result>, observer) as ReturnType<typeof fn>;
    });
  };
}

/** Observes how `promise` ends. What it resolves to and rejects with stays the same. */
async function followed<Result>(promise: PromiseLike<Result>, observer: CallObserver<Result>): Promise<Result> {
  let result: Result;
  try {
    result = await promise;
  } catch (error) {
    observer.failed(error);
    throw error;
  }
  observer.succeeded(result);
  return result;
}

function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function named<This, Args extends unknown[], Return>(
  name: string,
  fn: (this: This, ...args: Args) => Return,
): (this: This, ...args: Args) => Return {
  return Object.defineProperty(fn, 'name', { value: name, configurable: true });
}

const systemNow = performance.now;

/**
 * Runs something by a clock of which each look takes a millisecond, for tests of what goes on in turns of the event loop:
 * how many turns it takes then does not depend on the machine.
 * @returns its value, and in how many rounds of the event loop somebody looked at the clock
 */
export async function roundsOf<Value>(
  run: () => Promise<Value>,
): Promise<{ readonly value: Value; readonly rounds: number }> {
  const { now } = performance;
  let time = performance.now();
  let counted = time;
  let rounds = 0;
  let isDone = false;
  const count = (): void => {
    // rounds that only wait for the network are none of it
    if (time > counted) rounds++;
    counted = time;
    if (!isDone) setImmediate(count);
  };
  performance.now = () => time++;
  setImmediate(count);
  try {
    return { value: await run(), rounds };
  } finally {
    isDone = true;
    performance.now = now;
  }
}

/**
 * Stops the clock of turns, for tests that move time by hand: none of them is over, and work that goes on in turns is
 * done at once, on a slow machine too. @returns lets it go on
 */
export function withoutTurns(): () => void {
  performance.now = () => 0;
  return () => {
    performance.now = systemNow;
  };
}

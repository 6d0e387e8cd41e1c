import { nextTurn } from '../base/collector.ts';
import type { NodeCollector } from './collector.ts';
import { errorCode, list, malformed, readNumber, readText } from './machine.ts';

/** So many processes and threads are read before others have the event loop. */
const READS_PER_TURN = 200;

/** How many processes and threads there are in each state: reads a file for each of them, hence only where asked for. */
export const processes: NodeCollector = {
  isDefault: false,
  create:
    ({ paths: { procfs } }) =>
    async (families) => {
      let [pids, threads, reads] = [0, 0, 0];
      const states = new Map<string, number>();
      const threadStates = new Map<string, number>();
      const add = (map: Map<string, number>, state: string) => map.set(state, (map.get(state) ?? 0) + 1);
      for (const pid of idsIn(procfs)) {
        const stat = statOf(`${procfs}/${pid}/stat`);
        if (!stat) continue;
        pids++;
        threads += stat.threads;
        add(states, stat.state);
        for (const thread of idsIn(`${procfs}/${pid}/task`)) {
          const state = thread === pid ? stat.state : statOf(`${procfs}/${pid}/task/${thread}/stat`)?.state;
          if (state !== undefined) add(threadStates, state);
          if (++reads % READS_PER_TURN === 0) await nextTurn();
        }
      }
      const gauge = (name: string, help: string) => families.gauge(`node_processes_${name}`, help);
      gauge('threads', 'Threads.').add(threads);
      gauge('max_threads', 'Most threads that there can be.').add(readNumber(`${procfs}/sys/kernel/threads-max`));
      for (const [state, count] of states) gauge('state', 'Processes by state.').add(count, { state });
      for (const [state, count] of threadStates) {
        gauge('threads_state', 'Threads by state.').add(count, { thread_state: state });
      }
      gauge('pids', 'Processes.').add(pids);
      gauge('max_processes', 'Most processes that there can be.').add(readNumber(`${procfs}/sys/kernel/pid_max`));
    },
};

/** The numbered entries of a directory; none where it is gone. */
function idsIn(directory: string): string[] {
  return unlessGone(() => list(directory).filter((name) => /^\d+$/.test(name))) ?? [];
}

/** State and number of threads; undefined where the process has ended meanwhile. */
function statOf(path: string): { readonly state: string; readonly threads: number } | undefined {
  const text = unlessGone(() => readText(path));
  if (text === undefined) return undefined;
  // the name of the process stands in parentheses and may hold any of them
  const words = text.slice(text.lastIndexOf(')') + 2).split(' ');
  if (words.length < 18) throw malformed(path, text);
  return { state: words[0], threads: Number(words[17]) };
}

function unlessGone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(errorCode(error))) return undefined;
    throw error;
  }
}

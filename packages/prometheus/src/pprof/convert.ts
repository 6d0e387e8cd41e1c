import type { HeapProfiler, Profiler, Runtime } from 'node:inspector';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { Function as CodeFunction, Line, Location, Profile, Sample, StringTable, ValueType } from 'pprof-format';

/** A profile in the making: functions and places of code by number, as pprof's format has them. */
class Places {
  readonly texts = new StringTable();
  readonly locations: Location[] = [];
  readonly functions: CodeFunction[] = [];
  private readonly byFrame = new Map<string, number>();

  /** The number of a place; its line is that of the function, which is all that V8 tells of most. */
  locationOf({ functionName, url, lineNumber }: Runtime.CallFrame): number {
    const key = `${functionName}\0${url}\0${lineNumber}`;
    const known = this.byFrame.get(key);
    if (known !== undefined) return known;
    const id = this.locations.length + 1;
    const name = this.texts.dedup(functionName || '(anonymous)');
    const startLine = lineNumber + 1;
    this.functions.push(
      new CodeFunction({
        id,
        name,
        systemName: name,
        filename: this.texts.dedup(url.replace(/^file:\/\//, '')),
        startLine,
      }),
    );
    this.locations.push(new Location({ id, line: [new Line({ functionId: id, line: startLine })] }));
    this.byFrame.set(key, id);
    return id;
  }

  valueType(type: string, unit: string): ValueType {
    return new ValueType({ type: this.texts.dedup(type), unit: this.texts.dedup(unit) });
  }
}

/** Time that nobody used is no time of a program's. */
const IDLE = new Set(['(idle)', '(root)']);

/** What V8 saw of the processor's time, as `go tool pprof` reads it. */
export function cpuProfile({ nodes, samples = [], timeDeltas = [], startTime, endTime }: Profiler.Profile): Profile {
  const places = new Places();
  const stacks = stacksOf(nodes, places);
  const totals = new Map<number, { count: number; micros: number }>();
  for (const [i, node] of samples.entries()) {
    const total = totals.get(node) ?? { count: 0, micros: 0 };
    total.count++;
    // A delta is the time from the sample before: this one stands for the time until the next.
    total.micros += Math.max(0, timeDeltas[i + 1] ?? 0);
    totals.set(node, total);
  }
  const names = new Map(nodes.map(({ id, callFrame }) => [id, callFrame.functionName]));
  const busy = [...totals].filter(([node]) => !IDLE.has(names.get(node) ?? ''));
  const durationNanos = Math.round((endTime - startTime) * 1000);
  return new Profile({
    sampleType: [places.valueType('samples', 'count'), places.valueType('cpu', 'nanoseconds')],
    sample: busy.map(
      ([node, { count, micros }]) =>
        new Sample({ locationId: stacks.get(node) ?? [], value: [count, Math.round(micros * 1000)] }),
    ),
    periodType: places.valueType('cpu', 'nanoseconds'),
    period: samples.length > 0 ? Math.round(durationNanos / samples.length) : 0,
    timeNanos: BigInt(Date.now()) * 1_000_000n - BigInt(durationNanos),
    durationNanos,
    ...tablesOf(places),
  });
}

/** Each node's places, innermost first. */
function stacksOf(nodes: readonly Profiler.ProfileNode[], places: Places): Map<number, number[]> {
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const stacks = new Map<number, number[]>();
  for (const { id, callFrame } of nodes) {
    const above = stacks.get(parents.get(id) ?? -1) ?? [];
    stacks.set(id, callFrame.functionName === '(root)' ? [] : [places.locationOf(callFrame), ...above]);
  }
  return stacks;
}

/** What V8 saw being allocated, `kinds` being the names of objects and bytes. */
export function heapProfile({ head }: HeapProfiler.SamplingHeapProfile, kinds: readonly [string, string]): Profile {
  const places = new Places();
  const samples: Sample[] = [];
  const visit = (node: HeapProfiler.SamplingHeapProfileNode, above: readonly number[]): void => {
    const stack = node.callFrame.functionName === '(root)' ? [] : [places.locationOf(node.callFrame), ...above];
    if (node.selfSize > 0) samples.push(new Sample({ locationId: stack, value: [1, node.selfSize] }));
    for (const child of node.children) visit(child, stack);
  };
  visit(head, []);
  return new Profile({
    sampleType: [places.valueType(kinds[0], 'count'), places.valueType(kinds[1], 'bytes')],
    sample: samples,
    periodType: places.valueType('space', 'bytes'),
    timeNanos: BigInt(Date.now()) * 1_000_000n,
    ...tablesOf(places),
  });
}

/** A profile of these kinds in which nothing is. */
export function profileOf(types: readonly (readonly [type: string, unit: string])[]): Profile {
  const places = new Places();
  const sampleType = types.map(([type, unit]) => places.valueType(type, unit));
  return new Profile({ sampleType, timeNanos: BigInt(Date.now()) * 1_000_000n, ...tablesOf(places) });
}

function tablesOf({ locations, functions, texts }: Places) {
  return { location: locations, function: functions, stringTable: texts };
}

/** As it is sent. */
export function encodeProfile(profile: Profile): Promise<Buffer> {
  return promisify(gzip)(profile.encode());
}

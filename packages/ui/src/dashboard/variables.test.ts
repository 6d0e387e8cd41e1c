import { describe, expect, test } from 'vitest';
import type { Variable } from './model.ts';
import { parseDashboard } from './parse.ts';
import { ALL, filterOptions, resolveVariables, sortOptions, type VariableSource, variableValue } from './variables.ts';

const RANGE = { fromMs: 0, toMs: 3_600_000 };

/** Answers label_values from a table of `selector → label → values`, and notes what it was asked. */
function source(asked: string[]): VariableSource {
  return {
    labelValues: async (label, selector) => {
      asked.push(`${selector}/${label}`);
      return label === 'job' ? ['b', 'a'] : ['h1', 'h2'];
    },
    labelNames: async () => ['job', 'host'],
    queryResult: async () => ['up{host="h1",job="a"} 1 0', 'up{host="h2",job="a"} 0 0'],
  };
}

function variables(list: readonly object[]): readonly Variable[] {
  return parseDashboard({ templating: { list } }).variables;
}

async function resolve(list: readonly object[], chosen: Record<string, string[]> = {}, asked: string[] = []) {
  const map = new Map(Object.entries(chosen));
  return resolveVariables(variables(list), map, new Map(), RANGE, source(asked), new AbortController().signal);
}

const JOB = { name: 'job', type: 'query', query: 'label_values(up, job)', sort: 1 };
const HOST = {
  name: 'host',
  type: 'query',
  query: { query: 'label_values(up{job=~"$job"}, host)' },
  multi: true,
  includeAll: true,
};

describe('variables', () => {
  test('a chained variable asks with the value of the one before it', async () => {
    const asked: string[] = [];
    const states = await resolve([JOB, HOST], { job: ['b'] }, asked);
    expect(asked).toEqual(['up/job', 'up{job=~"b"}/host']);
    expect(states.map((state) => state.chosen)).toEqual([['b'], [ALL]]);
    expect(variableValue(states[1]!).values).toEqual(['h1', 'h2']);
  });

  test('without a choice the first option counts, after sorting', async () => {
    const [job] = await resolve([JOB]);
    expect(job?.chosen).toEqual(['a']);
  });

  test('several values from the address', async () => {
    const [, host] = await resolve([JOB, HOST], { host: ['h2', 'h1'] });
    expect(variableValue(host!)).toMatchObject({ values: ['h2', 'h1'], many: true });
  });

  test('allValue is given as it stands', async () => {
    const [host] = await resolve([{ ...HOST, allValue: '.+' }], { host: [ALL] });
    expect(variableValue(host!)).toMatchObject({ values: ['.+'], verbatim: true });
  });

  test('query_result with a regex that takes a group', async () => {
    const [host] = await resolve([
      { name: 'h', type: 'query', query: 'query_result(up == 1)', regex: '/host="([^"]+)"/' },
    ]);
    expect(host?.options.map((option) => option.value)).toEqual(['h1', 'h2']);
  });

  test('custom, interval, constant and textbox', async () => {
    const states = await resolve(
      [
        { name: 'c', type: 'custom', query: 'one : 1,two : 2,a\\,b' },
        { name: 'i', type: 'interval', query: '1m,5m', auto: true, auto_count: 30, auto_min: '10s' },
        { name: 'k', type: 'constant', query: 'fixed' },
        { name: 't', type: 'textbox', query: 'default' },
      ],
      { t: ['typed'] },
    );
    expect(states.map((state) => state.options.map((option) => `${option.text}=${option.value}`))).toEqual([
      ['one=1', 'two=2', 'a,b=a,b'],
      ['auto=2m', '1m=1m', '5m=5m'],
      ['fixed=fixed'],
      ['default=default'],
    ]);
    expect(states[3]?.chosen).toEqual(['typed']);
  });

  test('a source that fails leaves a state with its error', async () => {
    const broken = { ...source([]), labelValues: async () => Promise.reject(new Error('away')) };
    const signal = new AbortController().signal;
    const [state] = await resolveVariables(variables([JOB]), new Map(), new Map(), RANGE, broken, signal);
    expect(state).toMatchObject({ error: 'away', options: [] });
  });

  test('filter and sort', () => {
    expect(filterOptions(['a1', 'b2', 'a3'], '/a(?<value>\\d)/').map((option) => option.value)).toEqual(['1', '3']);
    const options = ['10', '9', '1'].map((value) => ({ text: value, value }));
    expect(sortOptions(options, 3).map((option) => option.value)).toEqual(['1', '9', '10']);
    expect(sortOptions(options, 2).map((option) => option.value)).toEqual(['9', '10', '1']);
  });
});

import { expect, test } from 'vitest';
import { pageOfHash } from '../../shell/upstream-address.ts';
import { problemOf } from '../templates/template-model.ts';
import { filterOfSearch, queryOfFilter, searchOfFilter } from './notification-filter.ts';

test('the address keeps what the log is narrowed to', () => {
  const address = '/notifications?receiver=ops&status=failed&matchers=a%3D%22b%22&before=01J';
  const filter = filterOfSearch(address.slice(address.indexOf('?') + 1));
  expect(filter).toMatchObject({
    receiver: 'ops',
    status: 'failed',
    matchers: 'a="b"',
    fingerprint: '',
    before: '01J',
  });
  expect(searchOfFilter(filter)).toBe(address);
  expect(searchOfFilter(filterOfSearch('status=nonsense'))).toBe('/notifications');
});

test('the server is asked for each matcher; what is none is told', () => {
  const { query, bad } = queryOfFilter(filterOfSearch('receiver=ops&matchers=a=b,%20c=~"d|e",%20oops'));
  expect(query.getAll('filter')).toEqual(['a="b"', 'c=~"d|e"']);
  expect(query.get('receiver')).toBe('ops');
  expect(query.has('matchers')).toBe(false);
  expect(bad).toBe('oops');
});

test.each([
  ['#/alerts?filter=%7Ba%3D%22b%22%7D', '/alerts?filter=%7Ba%3D%22b%22%7D'],
  ['#/silences/new?filter=%7Ba%3D%22b%22%7D', '/silences/new?filter=%7Ba%3D%22b%22%7D'],
  ['#/silences/0b3c-1', '/silences/0b3c-1'],
  ['#/silences/0b3c-1/edit', '/silences/0b3c-1/edit'],
  ['#/silences', '/silences'],
  ['#/status', '/status'],
  ['#content', undefined],
])('an address of upstream: %s', (hash, address) => {
  expect(pageOfHash(hash)).toBe(address);
});

test.each([
  ['template: :2: unexpected "}" in operand', { line: 2, text: 'second' }],
  ['template: :1:5: executing "" at <.X>: nil', { line: 1, text: 'first' }],
  ['no line here', undefined],
])('the line that a template fails in: %s', (message, problem) => {
  expect(problemOf(message, 'first\nsecond')).toEqual(problem);
});

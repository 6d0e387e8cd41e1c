import { expect, test } from 'vitest';
import { withNormalBounds } from './bounds.ts';

// What upstream's parser (3.4) makes of each.
test.each([
  ['1', '1.0'],
  ['0', '0.0'],
  ['-0', '0.0'],
  ['-1', '-1.0'],
  ['1.0', '1.0'],
  ['2', '2.0'],
  ['5', '5.0'],
  ['10', '10.0'],
  ['0.5', '0.5'],
  ['.5', '0.5'],
  ['2.50', '2.5'],
  ['1e3', '1000.0'],
  ['1000000', '1e+06'],
  ['123456', '123456.0'],
  ['1234567', '1.234567e+06'],
  ['999999', '999999.0'],
  ['1e21', '1e+21'],
  ['1e-5', '1e-05'],
  ['0.0001', '0.0001'],
  ['0.00001', '1e-05'],
  ['+Inf', '+Inf'],
  ['Inf', '+Inf'],
  ['-inf', '-Inf'],
  ['nan', 'NaN'],
  ['NaN', 'NaN'],
  ['1e400', '1e400'],
  ['abc', 'abc'],
  ['0x10', '0x10'],
  ['5.', '5.0'],
  ['+7', '7.0'],
  ['3e-324', '5e-324'],
  ['0.1', '0.1'],
])('a bound of %s is %s', (text, expected) => {
  const scraped = new Map([
    ['__name__', 'h_bucket'],
    ['le', text],
  ]);
  expect(withNormalBounds(scraped, (family) => (family === 'h' ? 'histogram' : undefined)).get('le')).toBe(expected);
});

test.each([
  ['summary', 's', 'quantile', '1.0'],
  ['summary', 's', 'le', '1'],
  ['gauge', 's_bucket', 'le', '1'],
  ['gaugehistogram', 's_bucket', 'le', '1'],
  ['histogram', 's_bucket', 'quantile', '1'],
  [undefined, 's_bucket', 'le', '1'],
])('of a %s, in %s{%s="1"} it is %s', (type, name, label, expected) => {
  const scraped = new Map([
    ['__name__', name],
    [label, '1'],
  ]);
  expect(withNormalBounds(scraped, () => type).get(label)).toBe(expected);
});

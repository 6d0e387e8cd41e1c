import { expect, test } from 'vitest';
import { labelNameOf } from './label-name.ts';

test.each([
  ['job', 'job'],
  ['my.label', 'my.label'],
  ['U__my_2e_label', 'my.label'],
  ['U__a__b_20_c', 'a_b c'],
  ['U__snow_2603_', 'snow☃'],
  ['U___1f600_', '😀'],
  ['U__open_2e', 'U__open_2e'],
  ['U__half_d800_', 'U__half_d800_'],
  ['U__long_1f6001_', 'U__long_1f6001_'],
  ['U__', ''],
])('%s is %s', (text, name) => expect(labelNameOf(text)).toBe(name));

import { useComputedColorScheme } from '@mantine/core';
import type { Scheme } from '../dashboard/color.ts';

/** The colour scheme in force, after "follow the system". */
export function useScheme(): Scheme {
  return useComputedColorScheme('light', { getInitialValueInEffect: false });
}

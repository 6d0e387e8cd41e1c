import { NativeSelect } from '@mantine/core';
import type { ReactNode } from 'react';

export interface SelectOption {
  readonly value: string;
  readonly text: string;
}

/** One of a few, by the system's own list. */
export function Select(props: {
  readonly label: string;
  readonly value: string;
  readonly options: readonly SelectOption[];
  readonly onChange: (value: string) => void;
}): ReactNode {
  return (
    <NativeSelect
      aria-label={props.label}
      data={props.options.map(({ value, text }) => ({ value, label: text }))}
      value={props.value}
      onChange={(event) => props.onChange(event.currentTarget.value)}
    />
  );
}

import type { ReactNode } from 'react';

export function Brand({ size }: { readonly size: number }): ReactNode {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" fill="#1379a6" />
      <path d="M4 25 12 9l4 7 3-4 9 13z" fill="#fff" />
      <path d="m12 9 4 7-2.500 2-2-2-2.500 1.500z" fill="#a9def5" />
    </svg>
  );
}

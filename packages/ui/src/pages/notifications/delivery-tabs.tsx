import { SegmentedControl } from '@mantine/core';
import type { ReactNode } from 'react';
import { useLocation } from 'wouter';

const TABS = [
  { value: '/notifications', label: 'Log' },
  { value: '/receivers', label: 'Receivers' },
  { value: '/templates', label: 'Templates' },
];

/** The three pages about how people are told. */
export function DeliveryTabs(): ReactNode {
  const [path, navigate] = useLocation();
  return (
    <SegmentedControl size="sm" aria-label="What to show" data={TABS} value={path} onChange={(to) => navigate(to)} />
  );
}

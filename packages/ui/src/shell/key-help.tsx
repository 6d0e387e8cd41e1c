import { Modal } from '@mantine/core';
import type { ReactNode } from 'react';
import type { NavItem } from './navigation.ts';

const KEYS: readonly (readonly [keys: string, what: string])[] = [
  ['/', 'Search dashboards, metrics, alerts and targets (also Ctrl K)'],
  ['?', 'This list'],
  ['Ctrl Enter', 'Run the query'],
  ['Ctrl Space', 'Complete in the query editor'],
  ['Esc', 'Close a dialog, leave a panel shown alone'],
  ['drag', 'On a chart: zoom to that time; double click zooms out'],
];

export function KeyHelp({
  items,
  onClose,
}: {
  readonly items: readonly NavItem[];
  readonly onClose: () => void;
}): ReactNode {
  return (
    <Modal opened onClose={onClose} title="Keys" size="md">
      <table className="am-list">
        <tbody>
          {KEYS.map(([keys, what]) => (
            <KeyRow key={keys} keys={keys} what={what} />
          ))}
          {items.map((item) => (
            <KeyRow key={item.word} keys={`g ${item.key}`} what={`Go to ${item.word}`} />
          ))}
        </tbody>
      </table>
    </Modal>
  );
}

function KeyRow({ keys, what }: { readonly keys: string; readonly what: string }): ReactNode {
  return (
    <tr>
      <td style={{ whiteSpace: 'nowrap' }}>
        {keys.split(' ').map((key) => (
          <kbd key={key} style={{ marginRight: 4 }}>
            {key}
          </kbd>
        ))}
      </td>
      <td>{what}</td>
    </tr>
  );
}

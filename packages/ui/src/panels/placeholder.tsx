import { IconPuzzle } from '@tabler/icons-react';
import type { ReactNode } from 'react';

/** Stands in for a panel type that we do not draw (yet), so that the rest of the dashboard keeps its place. */
export function PanelPlaceholder({ type, queries }: { readonly type: string; readonly queries: number }): ReactNode {
  return (
    <div className="am-picture">
      <IconPuzzle size={22} aria-hidden="true" />
      <div>
        Panels of type <code>{type || 'unknown'}</code> are not drawn here yet.
      </div>
      {queries > 0 && (
        <div className="am-dim">Its {queries === 1 ? 'query opens' : `${queries} queries open`} from the menu.</div>
      )}
    </div>
  );
}

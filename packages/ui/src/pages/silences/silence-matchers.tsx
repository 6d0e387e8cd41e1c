import type { ReactNode } from 'react';
import { formatMatcher } from '../../api/alertmanager/matcher.ts';
import type { SilenceMatcher } from '../../api/alertmanager/types.ts';

export function SilenceMatchers({ matchers }: { readonly matchers: readonly SilenceMatcher[] }): ReactNode {
  return (
    <span className="am-labels">
      {matchers.map(formatMatcher).map((text) => (
        <span key={text} className="am-label am-mono">
          {text}
        </span>
      ))}
    </span>
  );
}

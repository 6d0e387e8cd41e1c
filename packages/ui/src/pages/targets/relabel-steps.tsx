import { Button } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import type { Labels } from '../../api/prometheus/query.ts';
import { useRemote } from '../../api/use-remote.ts';
import { StateBadge } from '../../shell/badges.tsx';
import { Loaded } from '../../shell/pictures.tsx';
import { useApp } from '../../state/app-context.tsx';
import { changedLabels, ruleText } from './relabel-model.ts';

/** What each relabel rule of the job does to these labels, asked for when somebody wants to know. */
export function RelabelSteps({ pool, labels }: { readonly pool: string; readonly labels: Labels }): ReactNode {
  const [open, setOpen] = useState(false);
  if (!open) {
    return (
      <div>
        <Button size="compact-xs" variant="default" onClick={() => setOpen(true)}>
          Show what relabelling does
        </Button>
      </div>
    );
  }
  return <Steps pool={pool} labels={labels} />;
}

function Steps({ pool, labels }: { readonly pool: string; readonly labels: Labels }): ReactNode {
  const { prometheus } = useApp();
  const remote = useRemote(`relabel ${pool} ${JSON.stringify(labels)}`, async (signal) =>
    prometheus ? prometheus.relabelSteps(pool, labels, signal) : [],
  );
  return (
    <Loaded remote={remote} what="The steps of relabelling" height={60}>
      {(steps) =>
        steps.length === 0 ? (
          <div className="am-dim am-small">The job has no relabel_configs: nothing changes.</div>
        ) : (
          <ol className="am-steps">
            {steps.map(({ rule, output, keep }, i) => {
              const before = i === 0 ? labels : (steps[i - 1]?.output ?? {});
              const changes = keep ? changedLabels(before, output) : [];
              const wasDropped = i > 0 && steps[i - 1]?.keep === false;
              return (
                // biome-ignore lint/suspicious/noArrayIndexKey: rules have no other name than their place
                <li key={i}>
                  <code className="am-break">{ruleText(rule)}</code>
                  {wasDropped ? null : keep ? (
                    <div className="am-small am-dim am-break">
                      {changes.length === 0 ? 'changes nothing' : changes.join(', ')}
                    </div>
                  ) : (
                    <div>
                      <StateBadge tone="warn" word="drops the target" />
                    </div>
                  )}
                </li>
              );
            })}
          </ol>
        )
      }
    </Loaded>
  );
}

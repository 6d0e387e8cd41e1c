import { Button, Checkbox, Popover, TextInput } from '@mantine/core';
import { IconChevronDown } from '@tabler/icons-react';
import { type KeyboardEvent, type ReactNode, useState } from 'react';
import { ALL, type VariableState } from '../../dashboard/variables.ts';

/** The dashboard's variables, each with its present value, and what else belongs beside them. */
export function VariableBar(props: {
  readonly states: readonly VariableState[];
  readonly onChoose: (name: string, values: readonly string[]) => void;
  readonly children?: ReactNode;
}): ReactNode {
  const shown = props.states.filter(
    ({ variable }) =>
      variable.hide < 2 && variable.type !== 'constant' && variable.type !== 'adhoc' && variable.type !== 'datasource',
  );
  if (shown.length === 0) return props.children;
  return (
    <div className="am-variables">
      {shown.map((state) => (
        <div key={state.variable.name} className="am-variable">
          {state.variable.hide !== 1 && <span className="am-variable-label">{state.variable.label}</span>}
          {state.variable.type === 'textbox' ? (
            <TextVariable state={state} onChoose={props.onChoose} />
          ) : (
            <ListVariable state={state} onChoose={props.onChoose} />
          )}
        </div>
      ))}
      {props.children}
    </div>
  );
}

interface OneProps {
  readonly state: VariableState;
  readonly onChoose: (name: string, values: readonly string[]) => void;
}

function TextVariable({ state, onChoose }: OneProps): ReactNode {
  const present = state.chosen.join(',');
  const [text, setText] = useState(present);
  const commit = (): void => {
    if (text !== present) onChoose(state.variable.name, [text]);
  };
  return (
    <TextInput
      size="xs"
      w={160}
      aria-label={state.variable.label}
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
      onBlur={commit}
      onKeyDown={(event) => event.key === 'Enter' && commit()}
    />
  );
}

function summary({ chosen, options, error }: VariableState): string {
  if (error) return 'error';
  if (chosen.includes(ALL)) return 'All';
  if (chosen.length === 0) return 'none';
  const texts = chosen.map((value) => options.find((option) => option.value === value)?.text ?? value);
  return texts.length > 3 ? `${texts.slice(0, 2).join(', ')} and ${texts.length - 2} more` : texts.join(', ');
}

/** What is chosen after a click on one of several: All excludes the others, and something always stays chosen. */
function nextChosen({ variable, chosen }: VariableState, value: string): readonly string[] {
  if (value === ALL) return [ALL];
  const others = chosen.filter((other) => other !== ALL && other !== value);
  const next = chosen.includes(value) ? others : [...others, value];
  return next.length > 0 ? next : variable.includeAll ? [ALL] : [value];
}

const OPTIONS_SHOWN_MAX = 300;

function ListVariable({ state, onChoose }: OneProps): ReactNode {
  const { variable, options, chosen } = state;
  const [open, setOpen] = useState(false);
  const [search, setSearch] = useState('');
  const entries = [...(variable.includeAll ? [{ text: 'All', value: ALL }] : []), ...options];
  const matching = entries.filter(({ text }) => text.toLowerCase().includes(search.toLowerCase()));
  const choose = (value: string): void => {
    if (!variable.multi) setOpen(false);
    onChoose(variable.name, variable.multi ? nextChosen(state, value) : [value]);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Enter' && matching[0]) choose(matching[0].value);
  };
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-start" trapFocus>
      <Popover.Target>
        <Button
          size="compact-sm"
          variant="default"
          maw={320}
          rightSection={<IconChevronDown size={14} />}
          aria-label={`${variable.label}: ${summary(state)}`}
          title={state.error}
          onClick={() => {
            setSearch('');
            setOpen(!open);
          }}
        >
          {summary(state)}
        </Button>
      </Popover.Target>
      <Popover.Dropdown p={6} miw={220}>
        {entries.length > 8 && (
          <TextInput
            size="xs"
            mb={4}
            placeholder="Find"
            aria-label="Find"
            value={search}
            onKeyDown={onKeyDown}
            onChange={(event) => setSearch(event.currentTarget.value)}
          />
        )}
        <div style={{ maxHeight: 320, overflow: 'auto' }}>
          {matching.slice(0, OPTIONS_SHOWN_MAX).map(({ text, value }) =>
            variable.multi ? (
              <Checkbox
                key={value}
                size="xs"
                py={4}
                px={6}
                label={text}
                checked={chosen.includes(value)}
                onChange={() => choose(value)}
              />
            ) : (
              <button
                key={value}
                type="button"
                className="am-found"
                aria-selected={chosen.includes(value)}
                role="option"
                onClick={() => choose(value)}
              >
                {text}
              </button>
            ),
          )}
          {matching.length === 0 && <div className="am-dim am-small">{state.error ?? 'No values'}</div>}
          {matching.length > OPTIONS_SHOWN_MAX && (
            <div className="am-dim am-small">and {matching.length - OPTIONS_SHOWN_MAX} more</div>
          )}
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}

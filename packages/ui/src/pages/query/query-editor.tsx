import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, insertNewline } from '@codemirror/commands';
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { lintKeymap } from '@codemirror/lint';
import { EditorState, Prec } from '@codemirror/state';
import { EditorView, keymap, placeholder } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { PromQLExtension } from '@prometheus-io/codemirror-promql';
import { type ReactNode, useEffect, useRef } from 'react';
import { useScheme } from '../../state/use-scheme.ts';

const highlight = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--am-accent)', fontWeight: '600' },
  { tag: tags.function(tags.variableName), color: 'var(--am-accent)' },
  { tag: tags.string, color: 'var(--am-ok)' },
  { tag: tags.number, color: 'var(--am-warn)' },
  { tag: tags.labelName, color: 'var(--am-warn)' },
  { tag: tags.comment, color: 'var(--am-dim)', fontStyle: 'italic' },
  { tag: tags.invalid, color: 'var(--am-crit)' },
]);

function look(dark: boolean): ReturnType<typeof EditorView.theme> {
  return EditorView.theme(
    {
      '&': { backgroundColor: 'transparent', color: 'var(--am-text)' },
      '.cm-content': {
        fontFamily: 'var(--mantine-font-family-monospace)',
        padding: '7px 2px',
        caretColor: 'var(--am-text)',
      },
      '.cm-cursor': { borderLeftColor: 'var(--am-text)' },
      '.cm-placeholder': { color: 'var(--am-dim)' },
      '&.cm-focused .cm-selectionBackground, .cm-selectionBackground': {
        background: 'color-mix(in srgb, var(--am-accent) 30%, transparent)',
      },
      '.cm-tooltip': { background: 'var(--am-panel)', border: '1px solid var(--am-line)', borderRadius: '4px' },
      '.cm-tooltip-autocomplete > ul > li[aria-selected]': {
        background: 'var(--am-accent-soft)',
        color: 'var(--am-text)',
      },
      '.cm-completionDetail': { color: 'var(--am-dim)', fontStyle: 'normal', marginLeft: '1em' },
      '.cm-completionInfo': { maxWidth: '360px', fontSize: '12px' },
    },
    { dark },
  );
}

export interface QueryEditorProps {
  readonly value: string;
  readonly prometheusUrl: string;
  readonly label: string;
  readonly onChange: (value: string) => void;
  readonly onRun: () => void;
}

/** PromQL with completion from the server, help, and errors under the caret. Enter or Ctrl-Enter runs it. */
export function QueryEditor(props: QueryEditorProps): ReactNode {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const dark = useScheme() === 'dark';

  useEffect(() => {
    if (!host.current) return;
    const run = (): boolean => {
      latest.current.onRun();
      return true;
    };
    const promql = new PromQLExtension()
      .activateLinter(true)
      .setComplete({ remote: { url: props.prometheusUrl || location.origin, cache: { maxAge: 60_000 } } });
    const created = new EditorView({
      parent: host.current,
      state: EditorState.create({
        doc: latest.current.value,
        extensions: [
          history(),
          bracketMatching(),
          closeBrackets(),
          indentOnInput(),
          autocompletion({ icons: false }),
          syntaxHighlighting(highlight),
          EditorView.lineWrapping,
          look(dark),
          placeholder('A PromQL expression, such as  rate(http_requests_total[5m])'),
          EditorView.contentAttributes.of({ 'aria-label': props.label }),
          promql.asExtension(),
          Prec.highest(keymap.of([{ key: 'Mod-Enter', run }])),
          keymap.of([
            ...closeBracketsKeymap,
            ...completionKeymap,
            { key: 'Enter', run, shift: insertNewline },
            ...historyKeymap,
            ...lintKeymap,
            ...defaultKeymap,
          ]),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) latest.current.onChange(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = created;
    return () => {
      view.current = undefined;
      created.destroy();
      promql.destroy();
    };
  }, [props.prometheusUrl, props.label, dark]);

  useEffect(() => {
    const current = view.current;
    if (!current || current.state.doc.toString() === props.value) return;
    current.dispatch({ changes: { from: 0, to: current.state.doc.length, insert: props.value } });
  }, [props.value]);

  return <div ref={host} className="am-editor am-grow" />;
}

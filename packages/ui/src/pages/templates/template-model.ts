/** Where a template's error lies, as its message says: `template: :3:12: …` or `template: preview:3: …`. */
export interface TemplateProblem {
  /** From 1. */
  readonly line: number;
  /** The line's text; '' where the template has no such line. */
  readonly text: string;
}

export function problemOf(message: string, template: string): TemplateProblem | undefined {
  const match = /template: [^:\n]*:(\d+)(?::\d+)?:/.exec(message) ?? /\bline (\d+)\b/.exec(message);
  if (!match) return undefined;
  const line = Number(match[1]);
  return { line, text: template.split('\n')[line - 1] ?? '' };
}

/**
 * A page for a frame without rights: beside the sandbox, its own policy loads nothing from anywhere, so that a preview
 * tells no server that it was looked at.
 */
export function framedHtml(output: string): string {
  const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";
  return `<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}"><base target="_blank">${output}`;
}

export const EXAMPLE = `{{ .Status | toUpper }}: {{ .GroupLabels.alertname }}
{{ range .Alerts }}
- {{ .Labels.instance }}: {{ .Annotations.summary }}
  since {{ .StartsAt.Format "15:04:05" }}
{{- end }}
`;

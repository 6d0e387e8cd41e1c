import { emailTemplates } from './email-defaults.ts';
import { slackTemplates } from './slack-defaults.ts';

/** Words and colours that mail and Slack share. `severity.…` takes the labels of an alert or of a group. */
const shared = `
{{ define "severity.colour" }}{{ if eq .severity "critical" }}#c92a2a{{ else if eq .severity "warning" }}#e67700
{{- else if eq .severity "info" }}#1971c2{{ else }}#495057{{ end }}{{ end }}

{{ define "notification.colour" }}{{ if eq .Status "resolved" }}#2f9e44
{{- else }}{{ template "severity.colour" .CommonLabels }}{{ end }}{{ end }}

{{ define "notification.headline" }}
{{- if eq .Status "resolved" }}Resolved: {{ else if .CommonLabels.severity }}{{ .CommonLabels.severity | title }}: {{ end }}
{{- with .GroupLabels.alertname }}{{ . }}{{ else }}{{ with .CommonLabels.alertname }}{{ . }}{{ else }}Alerts{{ end }}{{ end }}
{{- with .CommonLabels.instance }} on {{ . }}{{ end }}
{{- if gt (len .Alerts) 1 }} ({{ len .Alerts }} alerts){{ end }}
{{- end }}
`;

/** Our own default templates, under upstream's names where upstream has one. */
export const defaultTemplates = shared + emailTemplates + slackTemplates;

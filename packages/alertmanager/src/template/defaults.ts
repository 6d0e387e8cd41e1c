import { chatTemplates } from './chat-defaults.ts';
import { emailTemplates } from './email-defaults.ts';
import { incidentTemplates } from './incident-defaults.ts';
import { slackTemplates } from './slack-defaults.ts';

/**
 * What the messages of all receivers share. `severity.…` takes the labels of an alert or of a group. Label values and lists are
 * cut: a label of a megabyte or a storm must not become a message that nobody takes. The names that begin with `__` are upstream's,
 * which templates of users refer to.
 */
const shared = `
{{ define "severity.colour" }}{{ if eq .severity "critical" }}#c92a2a{{ else if eq .severity "warning" }}#e67700
{{- else if eq .severity "info" }}#1971c2{{ else }}#495057{{ end }}{{ end }}

{{ define "notification.colour" }}{{ if eq .Status "resolved" }}#2f9e44
{{- else }}{{ template "severity.colour" .CommonLabels }}{{ end }}{{ end }}

{{ define "notification.name" }}
{{- with .GroupLabels.alertname }}{{ avalancheShort 120 . }}{{ else }}{{ with .CommonLabels.alertname }}{{ avalancheShort 120 . }}{{ else }}Alerts{{ end }}{{ end }}
{{- with .CommonLabels.instance }} on {{ avalancheShort 80 . }}{{ end }}
{{- end }}

{{ define "notification.count" }}{{ if gt (len .Alerts) 1 }} ({{ len .Alerts }} alerts){{ end }}{{ end }}

{{ define "__alertmanager" }}Avalanche Monitor{{ end }}
{{ define "__alertmanagerURL" }}{{ .ExternalURL }}/#/alerts?receiver={{ .Receiver | urlquery }}{{ end }}
{{ define "__alert_severity_prefix" }}{{ if eq .Status "resolved" }}Resolved: {{ else if .CommonLabels.severity }}{{ reReplaceAll "[^\\\\pL\\\\pN _-]" "" (avalancheShort 30 .CommonLabels.severity) | title }}: {{ end }}{{ end }}
{{ define "__subject" }}{{ template "__alert_severity_prefix" . }}{{ template "notification.name" . }}{{ template "notification.count" . }}{{ end }}
{{ define "notification.headline" }}{{ template "__subject" . }}{{ end }}
{{ define "__description" }}{{ end }}
{{ define "notification.subject.markdown" }}{{ template "__alert_severity_prefix" . }}
{{- with .GroupLabels.alertname }}{{ avalancheShort 120 . | avalancheMarkdown }}{{ else }}{{ with .CommonLabels.alertname }}{{ avalancheShort 120 . | avalancheMarkdown }}{{ else }}Alerts{{ end }}{{ end }}
{{- with .CommonLabels.instance }} on {{ avalancheShort 80 . | avalancheMarkdown }}{{ end }}{{ template "notification.count" . }}{{ end }}

{{ define "__text_alert_list" }}{{ range $i, $alert := . }}{{ if lt $i 100 }}
{{- with .Annotations.summary }}{{ avalancheShort 500 . }}
{{ end }}{{ with .Annotations.description }}{{ avalancheShort 1000 . }}
{{ end }}Labels:
{{ range $j, $pair := .Labels.SortedPairs }}{{ if lt $j 50 }} - {{ .Name }} = {{ avalancheShort 300 .Value }}
{{ end }}{{ end }}{{ with avalancheLink .Annotations.runbook_url }}Runbook: {{ . }}
{{ end }}{{ with avalancheLink .GeneratorURL }}Source: {{ . }}
{{ end }}{{ end }}{{ end }}{{ if gt (len .) 100 }}… the first 100 of {{ len . }} alerts
{{ end }}{{ end }}

{{ define "__text_alert_list_markdown" }}{{ range $i, $alert := . }}{{ if lt $i 100 }}
{{ with .Annotations.summary }}**{{ avalancheShort 500 . | avalancheMarkdown }}**

{{ end }}{{ with .Annotations.description }}{{ avalancheShort 1000 . | avalancheMarkdown }}

{{ end }}{{ range $j, $pair := .Labels.SortedPairs }}{{ if lt $j 50 }}- {{ avalancheMarkdown .Name }} = {{ avalancheShort 300 .Value | avalancheMarkdown }}
{{ end }}{{ end }}
{{ with avalancheLink .Annotations.runbook_url }}[Runbook]({{ . }}) {{ end }}{{ with avalancheLink .GeneratorURL }}[Source]({{ . }}){{ end }}
{{ end }}{{ end }}{{ if gt (len .) 100 }}… the first 100 of {{ len . }} alerts
{{ end }}{{ end }}

{{ define "notification.text" }}{{ if gt (len .Alerts.Firing) 0 -}}
Firing:
{{ template "__text_alert_list" .Alerts.Firing }}
{{- end }}{{ if gt (len .Alerts.Resolved) 0 -}}
Resolved:
{{ template "__text_alert_list" .Alerts.Resolved }}
{{- end }}{{ end }}

{{ define "notification.markdown" }}{{ if gt (len .Alerts.Firing) 0 }}### Firing
{{ template "__text_alert_list_markdown" .Alerts.Firing }}
{{ end }}{{ if gt (len .Alerts.Resolved) 0 }}### Resolved
{{ template "__text_alert_list_markdown" .Alerts.Resolved }}
{{ end }}{{ end }}
`;

/** Our own default templates, under upstream's names where upstream has one. */
export const defaultTemplates = shared + emailTemplates + slackTemplates + chatTemplates + incidentTemplates;

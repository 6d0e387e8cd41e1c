/** The default Slack message: one attachment in the colour of the severity. All that comes from labels is escaped. */
export const slackTemplates = `
{{ define "slack.default.username" }}{{ template "__alertmanager" . }}{{ end }}
{{ define "slack.default.color" }}{{ template "notification.colour" . }}{{ end }}
{{ define "slack.default.title" }}
{{- if eq .Status "resolved" }}:white_check_mark: Resolved: {{ else if eq .CommonLabels.severity "critical" }}:rotating_light: Critical: {{ else if eq .CommonLabels.severity "warning" }}:warning: Warning: {{ else if eq .CommonLabels.severity "info" }}:information_source: Info: {{ end }}
{{- with .GroupLabels.alertname }}{{ avalancheShort 120 . | avalancheSlackText }}{{ else }}{{ with .CommonLabels.alertname }}{{ avalancheShort 120 . | avalancheSlackText }}{{ else }}Alerts{{ end }}{{ end }}
{{- with .CommonLabels.instance }} on {{ avalancheShort 120 . | avalancheSlackText }}{{ end }}
{{- if gt (len .Alerts) 1 }} ({{ len .Alerts.Firing }} firing, {{ len .Alerts.Resolved }} resolved){{ end }}
{{- end }}
{{ define "slack.default.titlelink" }}{{ template "__alertmanagerURL" . }}{{ end }}
{{ define "slack.default.pretext" }}{{ end }}
{{ define "slack.default.fallback" }}{{ template "slack.default.title" . }}{{ end }}
{{ define "slack.default.callbackid" }}{{ end }}
{{ define "slack.default.iconemoji" }}{{ end }}
{{ define "slack.default.iconurl" }}{{ end }}
{{ define "slack.default.footer" }}{{ template "__alertmanager" . }}{{ end }}
{{ define "slack.default.text" }}
{{- $external := .ExternalURL }}{{ $many := gt (len .Alerts) 1 }}
{{- range $i, $alert := .Alerts }}
{{- if lt $i 10 }}
{{- if $many }}{{ if eq .Status "resolved" }}:white_check_mark: {{ else }}:small_red_triangle: {{ end }}{{ end }}
{{- with .Annotations.summary }}*{{ avalancheShort 500 . | avalancheSlackText }}*
{{ end }}
{{- with .Annotations.description }}{{ avalancheShort 1000 . | avalancheSlackText }}
{{ end }}
{{- range $j, $pair := .Labels.SortedPairs }}{{ if lt $j 30 }}\`{{ avalancheSlackText .Name }}={{ avalancheShort 100 .Value | avalancheSlackText }}\` {{ end }}{{ end }}
{{ with avalancheLink .Annotations.runbook_url }}<{{ . }}|Runbook>  {{ end }}
{{- with avalancheLink .GeneratorURL }}<{{ . }}|Query>  {{ end }}
{{- with avalancheLink (avalancheSilenceUrl $external .Labels) }}<{{ . }}|Silence>{{ end }}

{{ end }}
{{- end }}
{{- if gt (len .Alerts) 10 }}… the first 10 of {{ len .Alerts }} alerts{{ end }}
{{- end }}
`;

/** The default Slack message: one attachment in the colour of the severity. All that comes from labels is escaped. */
export const slackTemplates = `
{{ define "slack.default.username" }}Avalanche Monitor{{ end }}
{{ define "slack.default.color" }}{{ template "notification.colour" . }}{{ end }}
{{ define "slack.default.title" }}
{{- if eq .Status "resolved" }}:white_check_mark: Resolved: {{ else if eq .CommonLabels.severity "critical" }}:rotating_light: Critical: {{ else if eq .CommonLabels.severity "warning" }}:warning: Warning: {{ else if eq .CommonLabels.severity "info" }}:information_source: Info: {{ end }}
{{- with .GroupLabels.alertname }}{{ avalancheSlackText . }}{{ else }}{{ with .CommonLabels.alertname }}{{ avalancheSlackText . }}{{ else }}Alerts{{ end }}{{ end }}
{{- with .CommonLabels.instance }} on {{ avalancheSlackText . }}{{ end }}
{{- if gt (len .Alerts) 1 }} ({{ len .Alerts.Firing }} firing, {{ len .Alerts.Resolved }} resolved){{ end }}
{{- end }}
{{ define "slack.default.titlelink" }}{{ .ExternalURL }}/#/alerts{{ end }}
{{ define "slack.default.pretext" }}{{ end }}
{{ define "slack.default.fallback" }}{{ template "slack.default.title" . }}{{ end }}
{{ define "slack.default.callbackid" }}{{ end }}
{{ define "slack.default.iconemoji" }}{{ end }}
{{ define "slack.default.iconurl" }}{{ end }}
{{ define "slack.default.footer" }}Avalanche Monitor{{ end }}
{{ define "slack.default.text" }}
{{- $external := .ExternalURL }}{{ $many := gt (len .Alerts) 1 }}
{{- range $i, $alert := .Alerts }}
{{- if lt $i 10 }}
{{- if $many }}{{ if eq .Status "resolved" }}:white_check_mark: {{ else }}:small_red_triangle: {{ end }}{{ end }}
{{- with .Annotations.summary }}*{{ avalancheSlackText . }}*
{{ end }}
{{- with .Annotations.description }}{{ avalancheSlackText . }}
{{ end }}
{{- range .Labels.SortedPairs }}\`{{ avalancheSlackText .Name }}={{ avalancheSlackText .Value }}\` {{ end }}
{{ with avalancheLink .Annotations.runbook_url }}<{{ . }}|Runbook>  {{ end }}
{{- with avalancheLink .GeneratorURL }}<{{ . }}|Query>  {{ end }}
{{- with avalancheLink (avalancheSilenceUrl $external .Labels) }}<{{ . }}|Silence>{{ end }}

{{ end }}
{{- end }}
{{- if gt (len .Alerts) 10 }}… the first 10 of {{ len .Alerts }} alerts{{ end }}
{{- end }}
`;

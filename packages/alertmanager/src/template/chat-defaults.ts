/** The default messages of chats other than Slack. What comes from labels is never markup. */
export const chatTemplates = `
{{ define "telegram.default.message" }}{{ template "__subject" . }}

{{ template "notification.telegram" . }}{{ end }}
{{ define "notification.telegram" }}
{{- $external := .ExternalURL }}
{{- range $i, $alert := .Alerts }}{{ if lt $i 4 }}
{{- if eq .Status "resolved" }}✅ {{ else }}🔥 {{ end }}<b>{{ with .Annotations.summary }}{{ avalancheShort 200 . }}{{ else }}{{ avalancheShort 120 $alert.Labels.alertname }}{{ end }}</b>
{{ with .Annotations.description }}{{ avalancheShort 300 . }}
{{ end }}{{ range $j, $pair := .Labels.SortedPairs }}{{ if lt $j 8 }}{{ avalancheShort 40 .Name }}: {{ avalancheShort 40 .Value }}
{{ end }}{{ end }}
{{- end }}{{ end }}
{{- if gt (len .Alerts) 4 }}… the first 4 of {{ len .Alerts }} alerts
{{ end }}{{ template "__alertmanagerURL" . }}
{{- end }}

{{ define "discord.default.content" }}{{ end }}
{{ define "discord.default.title" }}{{ template "notification.subject.markdown" . }}{{ end }}
{{ define "discord.default.message" }}{{ template "notification.markdown" . }}{{ end }}

{{ define "webex.default.message" }}**{{ template "notification.subject.markdown" . }}**

{{ template "notification.markdown" . }}{{ end }}

{{ define "msteams.default.summary" }}{{ template "__subject" . }}{{ end }}
{{ define "msteams.default.title" }}{{ template "notification.subject.markdown" . }}{{ end }}
{{ define "msteams.default.text" }}{{ template "notification.markdown" . }}{{ end }}

{{ define "msteamsv2.default.title" }}{{ template "notification.subject.markdown" . }}{{ end }}
{{ define "msteamsv2.default.text" }}{{ template "notification.markdown" . }}{{ end }}

{{ define "rocketchat.default.title" }}{{ template "notification.subject.markdown" . }}{{ end }}
{{ define "rocketchat.default.alias" }}{{ template "__alertmanager" . }}{{ end }}
{{ define "rocketchat.default.titlelink" }}{{ template "__alertmanagerURL" . }}{{ end }}
{{ define "rocketchat.default.emoji" }}{{ end }}
{{ define "rocketchat.default.iconurl" }}{{ end }}
{{ define "rocketchat.default.text" }}{{ template "notification.markdown" . }}{{ end }}

{{ define "mattermost.default.color" }}{{ template "notification.colour" . }}{{ end }}
{{ define "mattermost.default.username" }}{{ template "__alertmanager" . }}{{ end }}
{{ define "mattermost.default.title" }}{{ template "notification.subject.markdown" . }}{{ end }}
{{ define "mattermost.default.titlelink" }}{{ template "__alertmanagerURL" . }}{{ end }}
{{ define "mattermost.default.fallback" }}{{ template "mattermost.default.title" . }} | {{ template "mattermost.default.titlelink" . }}{{ end }}
{{ define "mattermost.default.text" }}{{ template "notification.markdown" . }}{{ end }}

{{ define "wechat.default.message" }}{{ template "__subject" . }}
{{ template "notification.text" . }}
{{ template "__alertmanagerURL" . }}{{ end }}
{{ define "wechat.default.to_user" }}{{ end }}
{{ define "wechat.default.to_party" }}{{ end }}
{{ define "wechat.default.to_tag" }}{{ end }}
{{ define "wechat.default.agent_id" }}{{ end }}
`;

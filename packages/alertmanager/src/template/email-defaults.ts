/**
 * The default mail. The HTML is one column of at most 600 px that shrinks to a phone's width, with every style inline,
 * because mail programs drop style sheets.
 */
export const emailTemplates = `
{{ define "email.default.subject" }}{{ template "notification.headline" . }}{{ end }}

{{ define "email.default.text" }}{{ template "notification.headline" . }}
{{ $external := .ExternalURL }}{{ range $i, $alert := .Alerts }}{{ if lt $i 100 }}
{{ if eq .Status "resolved" }}RESOLVED{{ else }}{{ with .Labels.severity }}{{ avalancheShort 30 . | toUpper }}{{ else }}FIRING{{ end }}{{ end }} {{ avalancheShort 120 .Labels.alertname }}
{{ with .Annotations.summary }}{{ avalancheShort 500 . }}
{{ end }}{{ with .Annotations.description }}{{ avalancheShort 2000 . }}
{{ end }}Since: {{ .StartsAt.Format "2006-01-02 15:04:05 MST" }}
{{ if eq .Status "resolved" }}Until: {{ .EndsAt.Format "2006-01-02 15:04:05 MST" }}
{{ end }}{{ range $j, $pair := .Labels.SortedPairs }}{{ if lt $j 50 }}  {{ .Name }} = {{ avalancheShort 300 .Value }}
{{ end }}{{ end }}{{ with avalancheLink .Annotations.runbook_url }}What to do: {{ . }}
{{ end }}{{ with avalancheLink .GeneratorURL }}Query:      {{ . }}
{{ end }}Silence:    {{ avalancheSilenceUrl $external .Labels }}
{{ end }}{{ end }}{{ if gt (len .Alerts) 100 }}
… the first 100 of {{ len .Alerts }} alerts
{{ end }}
-- 
Avalanche Monitor · {{ .ExternalURL }}
{{ end }}

{{ define "email.button" }}<a href="{{ .url }}" style="display:inline-block;margin:0 8px 8px 0;padding:9px 14px;border-radius:6px;border:1px solid #ced4da;background:#f8f9fa;color:#1c3d5a;text-decoration:none;font-size:15px">{{ .name }}</a>{{ end }}

{{ define "email.alert" }}
<tr><td style="padding:18px 20px 10px;border-top:1px solid #e9ecef">
<div style="font-size:12px;font-weight:bold;letter-spacing:.06em;color:{{ if eq .alert.Status "resolved" }}#2f9e44{{ else }}{{ template "severity.colour" .alert.Labels }}{{ end }}">{{ if eq .alert.Status "resolved" }}RESOLVED{{ else }}{{ with .alert.Labels.severity }}{{ avalancheShort 30 . | toUpper }}{{ else }}FIRING{{ end }}{{ end }}</div>
<div style="font-size:18px;font-weight:bold;margin:4px 0 6px">{{ with .alert.Annotations.summary }}{{ avalancheShort 500 . }}{{ else }}{{ avalancheShort 120 .alert.Labels.alertname }}{{ end }}</div>
{{ with .alert.Annotations.description }}<div style="font-size:16px;line-height:1.45;margin:0 0 10px">{{ avalancheShort 2000 . }}</div>{{ end }}
<div style="font-size:14px;color:#495057;margin:0 0 10px">Since {{ .alert.StartsAt.Format "2 Jan 2006 15:04:05 MST" }}{{ if eq .alert.Status "resolved" }}, until {{ .alert.EndsAt.Format "2 Jan 15:04:05 MST" }}{{ end }}</div>
<div style="margin:0 0 12px">{{ range $j, $pair := .alert.Labels.SortedPairs }}{{ if lt $j 50 }}<span style="display:inline-block;margin:0 6px 6px 0;padding:3px 8px;border-radius:4px;background:#f1f3f5;font-family:monospace;font-size:13px;word-break:break-all">{{ .Name }}={{ avalancheShort 300 .Value }}</span>{{ end }}{{ end }}</div>
<div>
{{- with avalancheLink .alert.Annotations.runbook_url }}{{ template "email.button" (dict "url" . "name" "What to do") }}{{ end }}
{{- with avalancheLink .alert.GeneratorURL }}{{ template "email.button" (dict "url" . "name" "Query") }}{{ end }}
{{- with avalancheLink (avalancheSilenceUrl .external .alert.Labels) }}{{ template "email.button" (dict "url" . "name" "Silence") }}{{ end }}</div>
</td></tr>
{{ end }}

{{ define "email.default.html" }}<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ template "notification.headline" . }}</title></head>
<body style="margin:0;padding:0;background:#f1f3f5;color:#212529;font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"><tr><td align="center" style="padding:12px">
<table role="presentation" cellpadding="0" cellspacing="0" border="0" style="width:100%;max-width:600px;background:#ffffff;border-radius:8px;overflow:hidden">
<tr><td style="padding:16px 20px;background:{{ template "notification.colour" . }};color:#ffffff;font-size:20px;font-weight:bold">{{ template "notification.headline" . }}</td></tr>
{{ $external := .ExternalURL }}{{ range $i, $alert := .Alerts }}{{ if lt $i 100 }}{{ template "email.alert" (dict "alert" . "external" $external) }}{{ end }}{{ end }}
{{- if gt (len .Alerts) 100 }}<tr><td style="padding:14px 20px;border-top:1px solid #e9ecef;font-size:14px">… the first 100 of {{ len .Alerts }} alerts</td></tr>{{ end }}
<tr><td style="padding:14px 20px;border-top:1px solid #e9ecef;font-size:13px;color:#868e96">Sent by <a href="{{ avalancheLink .ExternalURL }}" style="color:#868e96">Avalanche Monitor</a> to {{ .Receiver }}</td></tr>
</table></td></tr></table></body></html>
{{ end }}
`;

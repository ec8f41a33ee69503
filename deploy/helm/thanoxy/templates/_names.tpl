{{- define "thanoxy.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "thanoxy.selector" -}}
app.kubernetes.io/name: thanoxy
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "thanoxy.labels" -}}
{{ include "thanoxy.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "thanoxy.memcachedSelector" -}}
app.kubernetes.io/name: thanoxy-memcached
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "thanoxy.createsMemcached" -}}
{{- if and (eq .Values.cache.tier "memcached") .Values.cache.memcached.create }}yes{{ end }}
{{- end }}

{{- /* http, https or tcp: see server.probes. */ -}}
{{- define "thanoxy.probes" -}}
{{- if .Values.server.probes }}{{ .Values.server.probes }}
{{- else if or .Values.server.webConfigSecret .Values.server.tls.clientAuth }}tcp
{{- else if .Values.server.tls.secretName }}https
{{- else }}http{{ end }}
{{- end }}

{{- /* One probe's way to ask. Takes (list root path). */ -}}
{{- define "thanoxy.probe" -}}
{{- $kind := include "thanoxy.probes" (index . 0) -}}
{{- if eq $kind "tcp" -}}
tcpSocket:
  port: http
{{- else -}}
httpGet:
  path: {{ index . 1 }}
  port: http
  scheme: {{ upper $kind }}
{{- end }}
{{- end }}

{{- /* What cannot work is said when it is rendered, not by a pod that does not start. */ -}}
{{- define "thanoxy.check" -}}
{{- $v := .Values -}}
{{- if and $v.server.tls.secretName $v.server.webConfigSecret }}
{{- fail "give server.tls.secretName or server.webConfigSecret, not both: the latter is the whole file" }}
{{- end }}
{{- if and $v.server.tls.clientAuth (not $v.server.tls.secretName) }}
{{- fail "server.tls.clientAuth needs server.tls.secretName" }}
{{- end }}
{{- if and $v.upstream.tls.clientCertificate (not $v.upstream.tls.secretName) }}
{{- fail "upstream.tls.clientCertificate needs upstream.tls.secretName" }}
{{- end }}
{{- if and (not $v.upstream.urls) (not $v.upstream.headless.create) }}
{{- fail "say whom to ask: upstream.urls or upstream.headless.create" }}
{{- end }}
{{- if and (eq $v.cache.tier "secret") (not $v.cache.existingSecret) }}
{{- fail "cache.tier=secret needs cache.existingSecret" }}
{{- end }}
{{- if and (eq $v.cache.tier "memcached") (not $v.cache.memcached.create) (not $v.cache.memcached.addresses) }}
{{- fail "cache.tier=memcached needs cache.memcached.addresses or cache.memcached.create" }}
{{- end }}
{{- if and $v.autoscaling.enabled (gt (int $v.autoscaling.minReplicas) (int $v.autoscaling.maxReplicas)) }}
{{- fail "autoscaling.minReplicas is above autoscaling.maxReplicas" }}
{{- end }}
{{- end }}

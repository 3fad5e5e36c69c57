{{- define "horngate.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 53 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 53 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "horngate.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "horngate.labels" -}}
{{ include "horngate.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "horngate.arguments" -}}
{{- $models := or .Values.models.claim .Values.models.sync.source -}}
{{- if not (or $models .Values.zoo) }}
{{- fail "there is nothing to serve: set models.claim, models.sync.source or zoo" }}
{{- end }}
{{- if and .Values.models.claim .Values.models.sync.source }}
{{- fail "models.claim and models.sync.source are both set; expected one of the two" }}
{{- end }}
{{- if le (int .Values.drain.graceSeconds) (int .Values.drain.waitSeconds) }}
{{- fail "drain.graceSeconds is not above drain.waitSeconds; no time is left to answer what was accepted" }}
{{- end }}
{{- $arguments := list "serve" }}
{{- if $models }}{{ $arguments = append $arguments "/models" }}{{ end }}
{{- with .Values.zoo }}{{ $arguments = concat $arguments (list "--zoo" .) }}{{ end }}
{{- if .Values.gpus }}
{{- $devices := list }}
{{- range until (int .Values.gpus) }}{{ $devices = append $devices (printf "gpu:%d" .) }}{{ end }}
{{- $arguments = concat $arguments (list "--devices" (join "," $devices)) }}
{{- end }}
{{- if .Values.tls }}
{{- $arguments = concat $arguments (list "--tls-certificate" "/tls/tls.crt" "--tls-key" "/tls/tls.key") }}
{{- end }}
{{- if .Values.tokens }}{{ $arguments = concat $arguments (list "--tokens" "/tokens/tokens.toml") }}{{ end }}
{{- toYaml (concat $arguments .Values.arguments) }}
{{- end }}

{{- define "horngate.unprivileged" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- /* rclone gives a file its name when it is whole, so a half-fetched one is never seen. */ -}}
{{- define "horngate.sync" -}}
image: {{ .Values.models.sync.image }}
securityContext:
  {{- include "horngate.unprivileged" . | nindent 2 }}
env:
  - {name: RCLONE_CONFIG, value: /tmp/rclone.conf}
{{- with .Values.models.sync.secret }}
envFrom:
  - secretRef: {name: {{ . }}}
{{- end }}
resources:
  requests: {cpu: 50m, memory: 64Mi}
  limits: {memory: 512Mi}
volumeMounts:
  - {name: models, mountPath: /models}
  - {name: tmp, mountPath: /tmp}
{{- end }}

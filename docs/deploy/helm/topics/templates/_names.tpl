{{- define "topics.labels" -}}
app.kubernetes.io/name: topics
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- /* A stop takes the delay, the drain, and ten seconds of grace. */ -}}
{{- define "topics.stop" -}}
{{ add (ceil (divf (add .Values.drain.delayMs .Values.drain.timeoutMs) 1000)) 10 }}
{{- end }}
{{- define "topics.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}
{{- define "topics.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* <name> */}}
{{- define "jobset.name" -}}
{{- .Values.nameOverride | default "jobset" | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* <fullname>: a release that is named after the chart does not say it twice. */}}
{{- define "jobset.fullname" -}}
{{- $name := include "jobset.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "jobset.controller" -}}
{{- include "jobset.fullname" . }}-controller
{{- end -}}

{{- define "jobset.webhookService" -}}
{{- include "jobset.fullname" . }}-webhook-service
{{- end -}}

{{- define "jobset.metricsService" -}}
{{- include "jobset.fullname" . }}-metrics-service
{{- end -}}

{{- define "jobset.webhookSecret" -}}
{{- include "jobset.fullname" . }}-webhook-server-cert
{{- end -}}

{{- define "jobset.metricsSecret" -}}
{{- include "jobset.fullname" . }}-metrics-server-cert
{{- end -}}

{{/* What the pods are found by: never to be changed, as a Deployment keeps its selector. */}}
{{- define "jobset.selectorLabels" -}}
app.kubernetes.io/name: {{ include "jobset.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "jobset.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.Version | replace "+" "_" | quote }}
{{ include "jobset.selectorLabels" . }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "jobset.controllerLabels" -}}
{{ include "jobset.labels" . }}
app.kubernetes.io/component: controller
{{- end -}}

{{- define "jobset.webhookLabels" -}}
{{ include "jobset.labels" . }}
app.kubernetes.io/component: webhook
{{- end -}}

{{/* The account of the manager, as the subject of a binding. */}}
{{- define "jobset.subject" -}}
- kind: ServiceAccount
  name: {{ include "jobset.controller" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}

{{/* Metadata of a webhook configuration. */}}
{{- define "jobset.webhookMetadata" -}}
labels:
  {{- include "jobset.webhookLabels" . | nindent 2 }}
{{- if .Values.certManager.enable }}
annotations:
  cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/{{ include "jobset.name" . }}-cert
{{- end }}
{{- end -}}

{{/* Where a webhook is: called with (list $ path). */}}
{{- define "jobset.clientConfig" -}}
clientConfig:
  service:
    name: {{ include "jobset.webhookService" (index . 0) }}
    namespace: {{ (index . 0).Release.Namespace }}
    path: {{ index . 1 }}
admissionReviewVersions: [v1]
sideEffects: None
{{- end -}}

{{/* New pods of JobSets. */}}
{{- define "jobset.newPods" -}}
rules:
- apiGroups: [""]
  apiVersions: [v1]
  resources: [pods]
  scope: "*"
  operations: [CREATE]
objectSelector:
  matchExpressions:
  - key: jobset.sigs.k8s.io/jobset-name
    operator: Exists
{{- end -}}

{{/* Of those only pods that have a topology domain for themselves, and that the webhook places. */}}
{{- define "jobset.exclusivePods" -}}
{{ include "jobset.newPods" . }}
matchConditions:
- name: exclusive-placement
  expression: >-
    has(object.metadata.annotations)
    && 'jobset.sigs.k8s.io/jobset-name' in object.metadata.annotations
    && 'alpha.jobset.sigs.k8s.io/exclusive-topology' in object.metadata.annotations
    && !('alpha.jobset.sigs.k8s.io/node-selector' in object.metadata.annotations)
{{- end -}}

{{/* What a certificate is like: called with (list $ service). */}}
{{- define "jobset.certificate" -}}
{{- $root := index . 0 -}}
{{- $host := printf "%s.%s.svc" (index . 1) $root.Release.Namespace -}}
dnsNames:
- {{ $host }}
- {{ $host }}.{{ $root.Values.kubernetesClusterDomain }}
duration: 8760h
renewBefore: 720h
usages:
- server auth
- client auth
issuerRef:
{{- with $root.Values.certManager.issuerRef }}
  {{- toYaml . | nindent 2 }}
{{- else }}
  kind: Issuer
  name: {{ include "jobset.name" $root }}-self-signed-issuer
{{- end }}
{{- end -}}

{{/* Names. Suffixes such as -release still fit into 63 characters. */}}
{{- define "deploytune.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 45 | trimSuffix "-" }}
{{- end }}

{{- define "deploytune.fullname" -}}
{{- $name := include "deploytune.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 45 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 45 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 45 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* The name of what stands outside namespaces: several namespaced installations may share it. */}}
{{- define "deploytune.clusterName" -}}
{{- if .Values.watchNamespaces }}
{{- printf "%s-%s" (include "deploytune.fullname" .) .Release.Namespace }}
{{- else }}
{{- include "deploytune.fullname" . }}
{{- end }}
{{- end }}

{{- define "deploytune.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "deploytune.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* Labels. Those that select never change. */}}
{{- define "deploytune.selectorLabels" -}}
app.kubernetes.io/name: {{ include "deploytune.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "deploytune.labels" -}}
{{- include "deploytune.commonLabels" . }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "deploytune.commonLabels" -}}
{{- with .Values.commonLabels }}
{{- toYaml . }}
{{ end -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ include "deploytune.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: deploytune
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* An image's reference, of (list . .Values.image). */}}
{{- define "deploytune.imageReference" -}}
{{- $root := index . 0 }}
{{- $image := index . 1 }}
{{- with $root.Values.registry }}{{ . }}/{{ end }}{{ $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ default $root.Chart.AppVersion $image.tag }}{{ end }}
{{- end }}

{{/* What the operator works on, for the operator itself and for what cleans up after it. */}}
{{- define "deploytune.scope" -}}
- --lease-name={{ include "deploytune.fullname" . }}
{{- range .Values.watchNamespaces }}
- --namespace={{ . }}
{{- end }}
{{- end }}

{{/* The parts that all Pods share, of (dict "root" . "account" NAME). */}}
{{- define "deploytune.podSpec" -}}
serviceAccountName: {{ .account }}
automountServiceAccountToken: true
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .root.Values.hostNetwork }}
hostNetwork: true
{{- end }}
securityContext:
  runAsNonRoot: true
  seccompProfile:
    type: RuntimeDefault
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The parts that all containers share, of (dict "root" . "env" VARIABLES). */}}
{{- define "deploytune.containerSpec" -}}
image: {{ include "deploytune.imageReference" (list .root .root.Values.image) | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  capabilities:
    drop: [ALL]
  readOnlyRootFilesystem: true
{{- with concat .root.Values.extraEnv (default list .env) }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* One clear line where a kind is not served, of (list . API-VERSION KIND VALUE). */}}
{{- define "deploytune.mustServe" -}}
{{- $root := index . 0 }}
{{- $kind := printf "%s/%s" (index . 1) (index . 2) }}
{{- if not ($root.Capabilities.APIVersions.Has $kind) }}
{{- fail (printf "%s must be false: the cluster does not know %s; install the Prometheus Operator first" (index . 3) $kind) }}
{{- end }}
{{- end }}

{{/* The operator's rights: operator/deploytune/api/rbac.py, which a test compares these with. */}}
{{- define "deploytune.tuningRules" -}}
- apiGroups: [deploytune.dev]
  resources: [deploymenttunings]
  verbs: [get, list, watch, delete]
- apiGroups: [deploytune.dev]
  resources: [tuningtrials]
  verbs: [get, list, watch, create]
- apiGroups: [deploytune.dev]
  resources: [deploymenttunings/status, tuningtrials/status]
  verbs: [patch]
- apiGroups: [deploytune.dev]
  resources: [deploymenttunings/finalizers, tuningtrials/finalizers]
  verbs: [update]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [events]
  verbs: [list, create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [list]
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get]
{{- end }}

{{- define "deploytune.nodeRules" -}}
- apiGroups: [""]
  resources: [nodes]
  verbs: [get, list]
{{- end }}

{{- define "deploytune.leaseRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [get, list, create, update]
{{- end }}

{{/* What a Job needs that cleans up after the operator. */}}
{{- define "deploytune.podReleaseRules" -}}
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, patch]
{{- end }}

{{- define "deploytune.leaseReleaseRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [get, delete]
{{- end }}

{{- define "deploytune.testRules" -}}
- apiGroups: [deploytune.dev]
  resources: [deploymenttunings]
  verbs: [create]
{{- end }}

{{/* A role and its binding, of a dict: root, name, account, rules, namespace or none, annotations. */}}
{{- define "deploytune.grant" -}}
{{- $cluster := ternary "" "Cluster" (hasKey . "namespace") }}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $cluster }}Role
metadata:
  {{- include "deploytune.grantMetadata" . | nindent 2 }}
rules:
  {{- include .rules .root | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $cluster }}RoleBinding
metadata:
  {{- include "deploytune.grantMetadata" . | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ $cluster }}Role
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ .account }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}

{{- define "deploytune.grantMetadata" -}}
name: {{ .name }}
{{- with .namespace }}
namespace: {{ . }}
{{- end }}
labels:
  {{- include "deploytune.labels" .root | nindent 2 }}
{{- with .annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

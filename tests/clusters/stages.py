"""What a pretended node does to a Pod: kwok Stages of our own, in place of all of kwok's for Pods.

A Pod runs for as long as its annotation says (half a second without one) and ends with the exit
code and the termination message of its annotations. Without a message it ends as the deterministic
trial program does: its report follows from the parameters in its request. A deleted Pod is killed
first and then let go, as by a kubelet, so that a finalizer holds it with its status.

Shipped Stages would not do: they leave a message unquoted, which breaks JSON, reset the start time,
and strip finalizers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

RUNS_FOR = "pretended.example.com/runs-for"
"""Annotation: how long the Pod runs, such as `1500ms` or `24h`."""
EXIT_CODE = "pretended.example.com/exit-code"
"""Annotation: the exit code of every container; 0 without it."""
MESSAGE = "pretended.example.com/message"
"""Annotation: the termination message of every container."""

DEFAULT_RUN_MILLISECONDS = 500
KILLED_EXIT_CODE = 137

DETERMINISTIC_REPORT = """
{{ $size := int $request.parameters.size }}
{{ $level := int $request.parameters.level }}
{{ $values := dict "throughput@full" (add (mul 100 $size) $level) }}
{{ $_ := set $values "server_memory_mib" (add (mul 50 $size) (mul 3 $level)) }}
{{ $metrics := dict }}
{{ range $metric, $value := $values }}
  {{ $_ := set $metrics $metric (dict "value" $value) }}
{{ end }}
{{ $report := dict "version" 1 "outcome" "Feasible" "stage" "Report" "metrics" $metrics }}
{{ range $key := list "trial" "index" "attempt" }}
  {{ $_ := set $report $key (index $request $key) }}
{{ end }}
{{ range reverse $request.limits }}
  {{ $value := float64 (index $values .metric) }}
  {{ $over := and (hasKey . "max") (gt $value (float64 .max)) }}
  {{ $under := and (hasKey . "min") (lt $value (float64 .min)) }}
  {{ if or $over $under }}
    {{ $_ := set $report "outcome" "Infeasible" }}
    {{ $_ := set $report "cause" "LimitMissed" }}
    {{ $_ := set $report "message" .metric }}
  {{ end }}
{{ end }}
{{ if and (eq (toString $request.parameters.kind) "flaky") (eq (int $request.attempt) 0) }}
  {{ $_ := set $report "outcome" "Infrastructure" }}
  {{ $_ := set $report "cause" "HardwareFault" }}
  {{ $_ := set $report "message" "the device failed" }}
{{ end }}
{{ $message = toJson $report }}
"""

_RUNNING = """
{{ $now := Now }}
phase: Running
startTime: {{ $now | Quote }}
hostIP: {{ NodeIPWith .spec.nodeName | Quote }}
podIP: {{ PodIPWith .spec.nodeName false .metadata.uid .metadata.name .metadata.namespace | Quote }}
conditions:
{{ range list "Initialized" "ContainersReady" "Ready" }}
- type: {{ . }}
  status: "True"
  lastTransitionTime: {{ $now | Quote }}
{{ end }}
containerStatuses:
{{ range .spec.containers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: true
  started: true
  restartCount: 0
  state:
    running:
      startedAt: {{ $now | Quote }}
{{ end }}
"""

_ENDED = """
{{ $now := Now }}
{{ $started := or .status.startTime $now }}
phase: {{ if eq $exitCode 0 }}Succeeded{{ else }}Failed{{ end }}
conditions:
{{ range list "ContainersReady" "Ready" }}
- type: {{ . }}
  status: "False"
  reason: {{ if eq $exitCode 0 }}PodCompleted{{ else }}PodFailed{{ end }}
  lastTransitionTime: {{ $now | Quote }}
{{ end }}
containerStatuses:
{{ range .spec.containers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: false
  started: false
  restartCount: 0
  state:
    terminated:
      exitCode: {{ $exitCode }}
      reason: {{ if eq $exitCode 0 }}Completed{{ else }}Error{{ end }}
      message: {{ $message | Quote }}
      startedAt: {{ $started | Quote }}
      finishedAt: {{ $now | Quote }}
{{ end }}
"""

_REQUEST = """
{{ $request := dict }}
{{ range (index .spec.containers 0).env }}
  {{ if eq .name "DEPLOYTUNE_TRIAL" }}{{ $request = fromJson .value }}{{ end }}
{{ end }}
"""


def pod_stages(report: str = DETERMINISTIC_REPORT) -> list[dict[str, Any]]:
    """Return the life of a Pod; `report` is a Go template that sets `$message` from `$request`."""
    return [
        _stage("runs", [_NOT_DELETED, _in(_PHASE, ["Pending"])], {"statusTemplate": _RUNNING}),
        _stage(
            "ends",
            [_NOT_DELETED, _in(_PHASE, ["Running"])],
            {"statusTemplate": _words_of_the_end(report) + _ENDED},
            delay={
                "durationMilliseconds": DEFAULT_RUN_MILLISECONDS,
                "durationFrom": {"expressionFrom": f'.metadata.annotations["{RUNS_FOR}"]'},
            },
        ),
        _stage(
            "is-killed",
            [_DELETED, _in(_PHASE, ["Pending", "Running"])],
            {"statusTemplate": _KILLED_WORDS + _ENDED},
        ),
        _stage("is-let-go", [_DELETED, _in(_PHASE, _TERMINAL), _HAS_GRACE], {"delete": True}),
    ]


def _words_of_the_end(report: str) -> str:
    """Return the part of a template that sets `$exitCode` and `$message`."""
    return f"""
{{{{ $annotations := or .metadata.annotations dict }}}}
{{{{ $exitCode := int (or (index $annotations "{EXIT_CODE}") "0") }}}}
{{{{ $message := or (index $annotations "{MESSAGE}") "" }}}}
{_REQUEST}
{{{{ if and $request (not $message) (eq $exitCode 0) }}}}{report}{{{{ end }}}}
"""


def _stage(
    name: str,
    conditions: Sequence[dict[str, Any]],
    effect: dict[str, Any],
    delay: dict[str, Any] | None = None,
) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "resourceRef": {"apiGroup": "v1", "kind": "Pod"},
        "selector": {"matchExpressions": list(conditions)},
        "next": effect,
    }
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": name},
        "spec": spec | ({"delay": delay} if delay else {}),
    }


def _in(key: str, values: Sequence[str]) -> dict[str, Any]:
    return {"key": key, "operator": "In", "values": list(values)}


_PHASE = ".status.phase"
_TERMINAL = ("Succeeded", "Failed")
_DELETED = {"key": ".metadata.deletionTimestamp", "operator": "Exists"}
_NOT_DELETED = {"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"}
# A Pod that a finalizer holds has been let go already: its grace is 0 then.
_HAS_GRACE = {"key": ".metadata.deletionGracePeriodSeconds", "operator": "NotIn", "values": ["0"]}
_KILLED_WORDS = f"""
{{{{ $exitCode := {KILLED_EXIT_CODE} }}}}
{{{{ $message := "" }}}}
"""

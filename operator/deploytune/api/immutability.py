"""What may not change once it is applied, and when; whatever is not named here may be mended.

A user can end the search (`stop`), for good: the trials that this ends are never run again. A user
can mend what keeps trials from running: `suspend`, parallel trials, the budget until the
end, deadlines, retries, retention, the pools' node selectors and tolerations, pull secrets, the
priority class, and the image until a trial has been charged. All else would make trials that are
on record answer another question.
"""

from __future__ import annotations

from deploytune.api.field_rules import Rule, Rules
from deploytune.api.pod_template import PodTemplateSpec
from deploytune.api.trial import TrialSpecRecord
from deploytune.api.tuning import DeploymentTuning, NodePoolSpec, TrialSpec, TuningSpec
from deploytune.contract.outcomes import OutcomeKind


def _is_as_before(place: str, field: str) -> str:
    """Return the CEL of an optional field; that of an optional value costs more than is allowed."""
    new, old = f"self{place}.{field}", f"oldSelf{place}.{field}"
    return f"has({new}) == has({old}) && (!has({new}) || {new} == {old})"


def _is_immutable(field: str) -> Rule:
    return Rule(field, "is immutable", f"self.{field} == oldSelf.{field}")


def _is_immutable_if_set(field: str) -> Rule:
    return Rule(field, "is immutable", _is_as_before("", field))


_FINISHED = (
    "has(oldSelf.status) && has(oldSelf.status.conditions) && oldSelf.status.conditions"
    ".exists(c, c.type == 'Finished' && c.status == 'True')"
)
_CHARGED = ", ".join(f"'{kind}'" for kind in OutcomeKind if kind.policy.charged)
_TRIAL_CHARGED = (
    "has(oldSelf.status) && has(oldSelf.status.outcomes) && "
    f"[{_CHARGED}].exists(kind, kind in oldSelf.status.outcomes)"
)

IMMUTABLE: Rules = {
    DeploymentTuning: (
        Rule(
            "",
            "spec.budget may not change once the tuning is finished",
            f"!({_FINISHED}) || self.spec.budget == oldSelf.spec.budget",
        ),
        Rule(
            "",
            "spec.trial.image may not change once a trial has been charged to the budget",
            f"!({_TRIAL_CHARGED}) || ({_is_as_before('.spec.trial', 'image')})",
        ),
    ),
    TuningSpec: (
        Rule("stop", "may not be taken back", "self.stop || !oldSelf.stop"),
        *map(_is_immutable, ("objectives", "constraints", "searchSpace", "algorithm", "workload")),
        Rule(
            "nodePools",
            "must keep its pools and their order",
            "self.nodePools.map(p, p.name) == oldSelf.nodePools.map(p, p.name)",
        ),
    ),
    NodePoolSpec: (
        *map(_is_immutable, ("resources", "placement", "allowSharedDevices")),
        *map(_is_immutable_if_set, ("runtimeClassName", "maxParallelTrials")),
    ),
    TrialSpec: (
        *map(_is_immutable, ("imagePullPolicy", "latencyAbortFactor")),
        _is_immutable_if_set("artefactCache"),
    ),
    PodTemplateSpec: (
        *map(_is_immutable, ("labels", "annotations", "volumes", "volumeMounts", "env")),
        *map(_is_immutable_if_set, ("runAsUser", "fsGroup")),
    ),
    TrialSpecRecord: (Rule("", "is immutable", "self == oldSelf"),),
}
"""Every rule that compares with the object as it was."""

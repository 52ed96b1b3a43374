"""Pods that end by themselves, at their limits, or because they cannot begin."""

from __future__ import annotations

from collections.abc import Mapping

from builders import a_breadcrumb, a_report

from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.stages import Stage
from pod_cases.scene import Json, PodCase, Scene, a_container, a_pod, container_id_of, saying

EAT_MEMORY = "tail /dev/zero"
INTERRUPTED = a_report(OutcomeKind.INFRASTRUCTURE, cause=Cause.INTERRUPTED, stage=Stage.MEASURE)
DYING = "sh -c 'kill -{} $$$$'"  # Kubernetes makes one dollar of two
FILL_DISK = "dd if=/dev/zero of=/data/big bs=1M count=16; sleep 1000"
DATA: Mapping[str, object] = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}
MOUNT_SECONDS = 240.0
"""A kubelet that waits for a volume sees a deadline only when that wait has timed out."""
ABSENT_IMAGE = "localhost/deploytune-tests/absent:latest"
ABSENT_CONFIG = [{"name": "data", "configMap": {"name": "absent"}}]


def reporting_when_asked_to_end() -> str:
    """A script that reports its interruption at SIGTERM, as a trial does."""
    report = saying(INTERRUPTED, "exit 0").replace("'", "'\\''")
    return f"trap '{report}' TERM; {saying(a_breadcrumb(Stage.MEASURE))} sleep 1000 & wait"


def _ends(script: str) -> PodCase:
    def play(scene: Scene) -> Json:
        scene.create(a_pod(script))
        return scene.until_ended()

    return play


def _starts(program: str) -> PodCase:
    def play(scene: Scene) -> Json:
        scene.create(a_pod(container={"command": [program]}))
        return scene.until_ended()

    return play


def _memory_of_sidecar(scene: Scene) -> Json:
    sidecar = a_container(EAT_MEMORY, name="injected")
    trial = a_container(saying(a_report(), "sleep 4"))
    scene.create(a_pod(containers=[sidecar, trial]))
    return scene.until_ended()


def _killed_from_outside(scene: Scene) -> Json:
    scene.create(a_pod(saying(a_breadcrumb(Stage.WARM_UP), "exec sleep 1000")))
    container = container_id_of(scene.until_running())
    scene.on_containerd("tasks", "kill", "--signal", "SIGKILL", container)
    return scene.until_ended()


def _deadline(script: str) -> PodCase:
    def play(scene: Scene) -> Json:
        scene.create(a_pod(script, activeDeadlineSeconds=4))
        return scene.until_ended()

    return play


def _deadline_before_image(scene: Scene) -> Json:
    scene.create(a_pod(container={"image": ABSENT_IMAGE}, activeDeadlineSeconds=6))
    return scene.until_ended()


def _deadline_before_volume(scene: Scene) -> Json:
    scene.create(a_pod(container=DATA, volumes=ABSENT_CONFIG, activeDeadlineSeconds=12))
    return scene.until_ended(MOUNT_SECONDS)


def _own_disk(scene: Scene) -> Json:
    limits = {"limits": {"cpu": "100m", "memory": "32Mi", "ephemeral-storage": "4Mi"}}
    script = saying(a_breadcrumb(Stage.BUILD), FILL_DISK)
    volumes = [{"name": "data", "emptyDir": {}}]
    scene.create(a_pod(script, container={"resources": limits, **DATA}, volumes=volumes))
    return scene.until_ended()


def _own_folder(scene: Scene) -> Json:
    script = saying(a_breadcrumb(Stage.BUILD), FILL_DISK)
    volumes = [{"name": "data", "emptyDir": {"sizeLimit": "4Mi"}}]
    scene.create(a_pod(script, container=DATA, volumes=volumes))
    return scene.until_ended()


def _injected_init_fails(scene: Scene) -> Json:
    scene.create(a_pod(initContainers=[a_container("exit 1", name="injected")]))
    return scene.until_ended()


def _outlived(scene: Scene) -> Json:
    sidecar = a_container("sleep 1000", name="injected")
    scene.create(a_pod(containers=[sidecar, a_container(saying(a_report()))]))
    return scene.until(
        lambda pod: "terminated" in str(pod["status"].get("containerStatuses")), "the trial's end"
    )


ENDS: Mapping[str, PodCase] = {
    "succeeded-with-report": _ends(saying(a_report())),
    "oom-of-trial": _ends(saying(a_breadcrumb(Stage.BUILD), f"exec {EAT_MEMORY}")),
    "oom-of-child-exit-7": _ends(saying(a_breadcrumb(Stage.SERVE), f"{EAT_MEMORY}; exit 7")),
    "oom-of-child-exit-0": _ends(f"{EAT_MEMORY}; {saying(a_report())}"),
    "oom-of-sidecar": _memory_of_sidecar,
    "killed-from-outside": _killed_from_outside,
    "exit-64": _ends("exit 64"),
    "exit-1": _ends(saying(a_breadcrumb(Stage.LOAD), "exit 1")),
    "exit-0-without-word": _ends("exit 0"),
    "exit-0-with-garbage": _ends("printf '\\377\\000{\"outcome\":' > /dev/termination-log"),
    "exit-0-with-endless-word": _ends(
        'yes \'{"outcome":"Feasible"}\' | head -c 9000 > /dev/termination-log'
    ),
    "abort": _ends(f"{DYING.format('ABRT')}; exit $?"),
    "segfault": _ends(f"{DYING.format('SEGV')}; exit $?"),
    "command-missing": _starts("/no/such/program"),
    "command-not-executable": _starts("/etc/hosts"),
    "deadline": _deadline(saying(a_breadcrumb(Stage.MEASURE), "sleep 1000")),
    "deadline-with-report-of-interruption": _deadline(reporting_when_asked_to_end()),
    "deadline-before-image": _deadline_before_image,
    "deadline-before-volume": _deadline_before_volume,
    "own-disk": _own_disk,
    "own-folder": _own_folder,
    "injected-init-fails": _injected_init_fails,
    "outlived-by-sidecar": _outlived,
}

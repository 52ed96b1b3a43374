"""`deploytune watch` and `deploytune stop` on a real API server, beside a real operator."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from clusters.access import Access
from clusters.kubectl import Kubectl
from clusters.namespaces import Namespace
from clusters.waiting import eventually
from operator_processes import (
    FOR_EVER,
    a_document,
    condition,
    held_pods,
    running_pods,
    until_finished,
    until_running,
)
from tuning_courses import trials_of
from watch_proxies import Ending, Refusal, meddled_with

from deploytune.api.rbac import EDIT_PERMISSIONS, VIEW_PERMISSIONS, Permission
from deploytune.cli import main
from deploytune.cli.exit_codes import ExitCode

pytestmark = pytest.mark.usefixtures("pretended_pools", "operator")

PODS = (Permission("", ("pods",), ("get", "list", "watch")),)

Ask = Callable[..., int]


@pytest.fixture
def ask(
    cluster: Access, namespace: Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Ask:
    """Gives a command for the tuning from an empty folder; by default as who edits a namespace."""
    monkeypatch.chdir(tmp_path)
    editor = somebody(cluster, namespace, tmp_path, *VIEW_PERMISSIONS, *EDIT_PERMISSIONS, *PODS)

    def give(command: str, *options: str, access: Access = editor) -> int:
        return main([command, "tune", *place_of(access, namespace), *options])

    return give


def place_of(access: Access, namespace: Namespace) -> list[str]:
    place = ["--kubeconfig", str(access.kubeconfig), "--context", access.context]
    return [*place, "--namespace", namespace.name]


def somebody(
    cluster: Access, namespace: Namespace, folder: Path, *permissions: Permission
) -> Access:
    """Make an account with these rights in the namespace, and no others."""
    name = f"somebody-{len(namespace.kubectl.items('serviceaccounts'))}"
    rules = [permission.to_rule() for permission in permissions]
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    namespace.kubectl.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": name},
            "rules": rules,
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": name},
            "roleRef": reference,
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace.name}],
        },
    )
    return cluster.as_service_account(namespace.name, name, folder)


@contextmanager
def a_watcher(access: Access, namespace: Namespace) -> Iterator[subprocess.Popen[str]]:
    """Look on in another process, from when it has begun to."""
    command = [sys.executable, "-m", "deploytune.cli", "watch", "tune", "--cluster"]
    with ExitStack() as held:
        process = subprocess.Popen(
            [*command, *place_of(access, namespace)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        held.callback(process.communicate)
        held.callback(process.kill)
        assert process.stdout is not None
        assert process.stdout.readline() == f"tune: in namespace {namespace.name}\n"
        yield process


def test_a_search_that_is_stopped_confirms_its_best_and_answers(
    kubectl: Kubectl, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever may edit tunings may stop one; what runs is ended and held against nothing."""
    kubectl.apply(a_document(max_trials=60, parallel_trials=2, runs_for="4s", memory_max=None))

    def is_good_enough() -> bool:
        best = (kubectl.get("deploymenttuning", "tune") or {}).get("status", {}).get("best")
        return best is not None and len(running_pods(kubectl)) == 2

    eventually(is_good_enough, "a best one, and two Pods that run")
    assert ExitCode.ANSWER == ask("stop")
    line = capsys.readouterr().out
    assert line.startswith("tune stops: nothing more is tried; 2 trials in flight are ended and")
    assert ExitCode.ANSWER == ask("stop")
    assert "already" in capsys.readouterr().out

    tuning = until_finished(kubectl)

    assert ("True", "Stopped") == condition(kubectl, "Succeeded")
    told = {event["reason"] for event in kubectl.items("events")}
    assert {"Stopping", "Confirming", "Stopped"} <= told
    trials = trials_of(kubectl)
    ended = {"Infrastructure", "Feasible"}
    assert ended == {trial["status"]["outcome"] for trial in trials}
    interrupted = [t for t in trials if t["status"]["outcome"] == "Infrastructure"]
    assert {"Interrupted"} == {trial["status"]["cause"] for trial in interrupted}
    assert {"Stopped"} == {trial["status"]["endRequested"]["why"] for trial in interrupted}
    assert ["Confirm"] == [trial["spec"]["purpose"] for trial in trials[-1:]]
    assert 1 == tuning["status"]["best"]["confirmations"]
    eventually(lambda: held_pods(kubectl) == [], "no finalizer of ours")
    assert ExitCode.ANSWER == ask("stop")
    assert capsys.readouterr().out == "tune has ended already (Stopped): there is nothing to stop\n"
    back = kubectl.attempt("patch", "dtune", "tune", "--type=merge", '-p={"spec":{"stop":false}}')
    assert "may not be taken back" in back.stderr


def test_what_may_not_be_edited_may_not_be_stopped(
    cluster: Access,
    namespace: Namespace,
    kubectl: Kubectl,
    ask: Ask,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kubectl.apply(a_document(runs_for=FOR_EVER))
    viewer = somebody(cluster, namespace, tmp_path, *VIEW_PERMISSIONS)
    assert ExitCode.BAD_INPUT == ask("stop", access=viewer)
    (line,) = capsys.readouterr().err.splitlines()
    assert 'cannot patch resource "deploymenttunings"' in line


@pytest.mark.parametrize("command", ["stop", "watch"])
def test_a_tuning_that_is_not_there_is_one_line(
    namespace: Namespace, ask: Ask, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ExitCode.BAD_INPUT == ask(command)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"deploytune: there is no tuning tune in namespace {namespace.name}")


def test_whoever_looks_on_sees_each_trial_once_and_the_answer_as_a_run_prints_it(
    namespace: Namespace, kubectl: Kubectl, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    kubectl.apply(a_document(max_trials=4, confirmations=1, memory_max=None))
    assert ExitCode.ANSWER == ask("watch")
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == f"tune: in namespace {namespace.name}"
    trials = [line.split()[0] for line in printed if " Feasible " in line]
    assert ["1/5", "2/5", "3/5", "4/5", "5/5"] == trials
    assert any(line.startswith("FeasibleFound: tune-") for line in printed)
    assert any(line.startswith("Confirming: the search is over") for line in printed)
    assert any(line.startswith("Run tune-") and "confirmed in 1 fresh" in line for line in printed)
    assert ExitCode.ANSWER == ask("watch"), "a tuning that has ended is told at once"


def test_nothing_feasible_is_the_exit_code_of_a_run(
    kubectl: Kubectl, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    kubectl.apply(a_document(max_trials=2, memory_max=1.0))
    assert ExitCode.NOTHING_FEASIBLE == ask("watch")
    assert "No feasible configuration found" in capsys.readouterr().out


def test_without_a_right_to_look_at_pods_the_records_are_enough(
    cluster: Access,
    namespace: Namespace,
    kubectl: Kubectl,
    ask: Ask,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kubectl.apply(a_document(max_trials=2, memory_max=None))
    viewer = somebody(cluster, namespace, tmp_path, *VIEW_PERMISSIONS)
    assert ExitCode.ANSWER == ask("watch", access=viewer)
    assert "3/3 Confirm" in capsys.readouterr().out


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(Refusal(410, "Expired"), id="expired"),
        pytest.param(Refusal(500, "InternalError"), id="another error"),
    ],
)
def test_watches_that_end_again_and_again_are_begun_anew(
    cluster: Access,
    namespace: Namespace,
    kubectl: Kubectl,
    ask: Ask,
    tmp_path: Path,
    refusal: Refusal,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kubectl.apply(a_document(max_trials=6, memory_max=None))
    ending = Ending(refusal)
    viewer = somebody(cluster, namespace, tmp_path, *VIEW_PERMISSIONS, *PODS)
    with meddled_with(viewer, tmp_path, ending) as access:
        assert ExitCode.ANSWER == ask("watch", access=access)
    printed = capsys.readouterr().out
    assert 7 == printed.count(" Feasible ")
    assert ending.ended >= 3


def test_a_tuning_that_is_deleted_ends_the_looking_with_one_line(
    cluster: Access, namespace: Namespace, kubectl: Kubectl
) -> None:
    kubectl.apply(a_document(runs_for=FOR_EVER))
    until_running(kubectl)
    with a_watcher(cluster, namespace) as watcher:
        kubectl.run("delete", "deploymenttuning", "tune")
        _, errors = watcher.communicate(timeout=30)
    assert (ExitCode.BAD_INPUT, "deploytune: the tuning tune was deleted\n") == (
        watcher.returncode,
        errors,
    )


def test_ctrl_c_ends_the_looking_and_nothing_else(
    cluster: Access, namespace: Namespace, kubectl: Kubectl
) -> None:
    kubectl.apply(a_document(runs_for=FOR_EVER))
    until_running(kubectl)
    with a_watcher(cluster, namespace) as watcher:
        watcher.send_signal(signal.SIGINT)
        printed, errors = watcher.communicate(timeout=30)
    assert (ExitCode.INTERRUPTED, "") == (watcher.returncode, errors)
    assert printed.endswith("no longer looked at; tune goes on\n")
    assert 1 == len(running_pods(kubectl))

"""`deploytune export`, as a user meets it: what it writes, and one line where it refuses."""

from __future__ import annotations

import csv
import errno
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from builders import a_finished_trial, a_trial, a_tuning
from handover_builders import a_confirmation, a_status, an_answered

from deploytune.cli import main
from deploytune.cli.exit_codes import ExitCode
from deploytune.contract.codec import decode_request, encode_request
from deploytune.runtime.local.state_directory import StateDirectory
from deploytune.state.requests import build_request

OneLine = Callable[..., str]


pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def refusal(refused: OneLine) -> OneLine:
    """Asks for an export, and returns what the line says with which it is refused."""
    return lambda *words: refused("export", *words).removeprefix("deploytune: ")


def keep_run(*, finished: bool = True, found: bool = True) -> Path:
    """Make a state directory of three trials, where `deploytune run` has its own."""
    state = Path(".deploytune", "tune")
    directory = StateDirectory.open(state, a_tuning())
    best = a_finished_trial(1)
    for trial in (a_finished_trial(0), best, a_trial(2)):
        directory.write_trial(trial)
    directory.write_status(a_status(best if found else None, finished=finished))
    directory.close()
    return state


WINNERS = [
    ["triton"],
    ["kubernetes", "--image", "trial:1"],
    ["kserve", "--image", "trial:1", "--storage-uri", "pvc://models/tune"],
]
OF_WINNER = pytest.mark.parametrize("of_format", WINNERS, ids=lambda one: one[0])


def keep_repository(state: Path, attempt: str = "tune-1-0") -> Path:
    """Leave what an attempt would have left."""
    repository = state / "attempts" / attempt / "repository"
    (repository / "net").mkdir(parents=True)
    (repository / "net" / "config.pbtxt").write_text('name: "net"')
    (repository / "README.md").write_text(f"of {attempt}")
    return repository


def exported(*arguments: str) -> None:
    assert ExitCode.ANSWER == main(["export", *arguments])


def test_an_unknown_format_is_refused_with_those_there_are(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["export", "excel", "tune"])
    assert 2 == ended.value.code
    assert "invalid choice: 'excel' (choose from" in capfd.readouterr().err.splitlines()[-1]


def test_the_table_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    keep_run()
    exported("csv", "tune")
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert ["tune-0", "tune-1", "tune-2"] == [row["trial"] for row in rows]


def test_the_table_of_a_running_tuning_is_what_is_there_so_far() -> None:
    keep_run(finished=False)
    exported("csv", "tune", "-o", "tune.csv")
    assert 4 == len(Path("tune.csv").read_text().splitlines())


def test_a_file_that_is_there_stays_unless_it_is_forced(refusal: OneLine) -> None:
    keep_run()
    Path("tune.csv").write_text("mine")
    rule = "must not be there already (--force replaces it), got 'tune.csv'"
    assert f"--output: {rule}" == refusal("csv", "tune", "-o", "tune.csv")
    assert "mine" == Path("tune.csv").read_text()
    exported("csv", "tune", "-o", "tune.csv", "--force")
    assert "mine" != Path("tune.csv").read_text()


def test_a_place_that_cannot_be_written_is_one_line(refusal: OneLine) -> None:
    keep_run()
    expected = "nowhere/tune.csv cannot be written: No such file or directory"
    assert expected == refusal("csv", "tune", "-o", "nowhere/tune.csv")


def test_a_tuning_that_is_nowhere_is_one_line(refusal: OneLine) -> None:
    rule = "must be a folder in which `deploytune run` keeps trials of tune"
    assert f"--state: {rule}, got 'state'" == refusal("csv", "tune", "--state", "state")


@pytest.mark.parametrize("output", ["served", "deep/er/served"])
def test_the_winners_repository_goes_into_a_folder(output: str) -> None:
    keep_repository(keep_run())
    exported("triton", "tune", "-o", output)
    expected = {"net", "README.md", ".deploytune-export"}
    assert expected == {path.name for path in Path(output).iterdir()}
    assert 'name: "net"' == Path(output, "net", "config.pbtxt").read_text()
    assert 0o755 == Path(output).stat().st_mode & 0o777


@pytest.mark.parametrize("name", ["served.tar", "served.tar.gz", "served.tgz"])
def test_or_into_an_archive(name: str, tmp_path: Path) -> None:
    keep_repository(keep_run())
    exported("triton", "tune", "-o", name)
    with tarfile.open(name) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    assert (tmp_path / "unpacked" / "served" / "net" / "config.pbtxt").exists()


def test_the_last_confirmation_is_what_is_served() -> None:
    state = keep_run()
    keep_repository(state)
    directory = StateDirectory.open(state, a_tuning())
    directory.write_trial(a_confirmation(2, of=1))
    directory.close()
    keep_repository(state, "tune-2-0")
    exported("triton", "tune")
    assert "of tune-2-0" == Path("tune-repository", "README.md").read_text()


def test_an_empty_folder_may_be_filled_and_an_earlier_export_replaced(refusal: OneLine) -> None:
    state = keep_run()
    repository = keep_repository(state)
    Path("served").mkdir()
    exported("triton", "tune", "-o", "served")
    (repository / "README.md").write_text("changed")
    rule = "must not be a folder with something in it (--force replaces an earlier export)"
    assert f"--output: {rule}, got 'served'" == refusal("triton", "tune", "-o", "served")
    exported("triton", "tune", "-o", "served", "--force")
    assert "changed" == Path("served", "README.md").read_text()


def test_force_does_not_cost_anybody_other_files(refusal: OneLine) -> None:
    keep_repository(keep_run())
    Path("mine").mkdir()
    Path("mine", "thesis.txt").write_text("years")
    line = refusal("triton", "tune", "-o", "mine", "--force")
    assert "--output: must hold nothing but an earlier export, mine holds 'thesis.txt'" == line
    assert "years" == Path("mine", "thesis.txt").read_text()


def test_force_does_not_cost_files_that_were_put_into_an_export(refusal: OneLine) -> None:
    keep_repository(keep_run())
    exported("triton", "tune", "-o", "served")
    Path("served", "net", "thesis.txt").write_text("years")
    line = refusal("triton", "tune", "-o", "served", "--force")
    expected = "--output: must hold nothing but an earlier export, served holds 'net/thesis.txt'"
    assert expected == line
    assert "years" == Path("served", "net", "thesis.txt").read_text()


def test_force_replaces_the_export_of_another_winner() -> None:
    repository = keep_repository(keep_run())
    exported("triton", "tune", "-o", "served")
    (repository / "net").rename(repository / "other")
    exported("triton", "tune", "-o", "served", "--force")
    expected = {"other", "README.md", ".deploytune-export"}
    assert expected == {path.name for path in Path("served").iterdir()}


def test_an_earlier_export_comes_back_where_the_new_one_cannot_take_its_place(
    refusal: OneLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_repository(keep_run())
    exported("triton", "tune", "-o", "served")
    rename = Path.rename

    def renamed(path: Path, target: Path) -> Path:
        if path.name == "content":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", renamed)
    line = refusal("triton", "tune", "-o", "served", "--force")
    assert "served cannot be written: Input/output error" == line
    assert "of tune-1-0" == Path("served", "README.md").read_text()


def test_an_export_that_breaks_off_leaves_nothing(refusal: OneLine, here: Path) -> None:
    """A repository that holds what cannot be copied, such as a link into nothing."""
    repository = keep_repository(keep_run())
    (repository / "net" / "1").symlink_to("nowhere")
    assert "served cannot be written" in refusal("triton", "tune", "-o", "served")
    assert [".deploytune"] == [path.name for path in here.iterdir()]


def test_a_run_that_has_kept_no_repository_says_so(refusal: OneLine) -> None:
    keep_run()
    assert ".deploytune/tune holds no repository of tune-1" == refusal("triton", "tune")


def test_a_best_so_far_that_was_not_confirmed_has_left_none(refusal: OneLine) -> None:
    keep_run(finished=False)
    expected = ".deploytune/tune holds no repository of tune-1: only confirmations leave one"
    assert expected == refusal("triton", "tune", "--provisional")


@pytest.mark.parametrize("option", ["--name", "--image"])
def test_what_only_a_job_has_is_refused_of_a_copy(option: str, refusal: OneLine) -> None:
    keep_repository(keep_run())
    line = refusal("triton", "tune", option, "shop")
    assert f"{option}: may be given with --claim only, got 'shop'" == line


def test_a_full_disk_leaves_nothing(
    refusal: OneLine, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_run()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    line = refusal("csv", "tune", "-o", "tune.csv")
    assert "tune.csv cannot be written: No space left on device" == line
    assert [".deploytune"] == [path.name for path in here.iterdir()]


@OF_WINNER
def test_a_tuning_without_a_winner_says_why(of_format: list[str], refusal: OneLine) -> None:
    keep_run(found=False)
    rule = "must have a winner, this one is BudgetExhausted"
    assert f"TUNING: {rule}, got 'tune'" == refusal(of_format[0], "tune", *of_format[1:])


@OF_WINNER
def test_of_a_running_tuning_the_best_so_far_is_only_given_on_demand(
    of_format: list[str], refusal: OneLine
) -> None:
    keep_repository(keep_run(finished=False))
    rule = "must have ended (--provisional takes the best so far)"
    assert f"TUNING: {rule}, got 'tune'" == refusal(of_format[0], "tune", *of_format[1:])
    exported(of_format[0], "tune", *of_format[1:], "--provisional")


def a_dump(path: str) -> None:
    """Write what kubectl does of a tuning with a winner."""
    tuning = an_answered().tuning.model_dump(mode="json", by_alias=True, exclude_none=True)
    tuning["metadata"] |= {"uid": "of-tune", "namespace": "models"}
    items = [tuning]
    for trial in an_answered().trials:
        document = trial.model_dump(mode="json", by_alias=True, exclude_none=True)
        document["metadata"]["ownerReferences"] = [{"uid": "of-tune", "controller": True}]
        items.append(document)
    Path(path).write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": items}))


def test_a_cluster_has_no_repository_and_a_job_builds_it(refusal: OneLine) -> None:
    a_dump("dump.yaml")
    rule = "must be given: a cluster keeps no repository, a Job builds it onto a volume"
    assert f"--claim: {rule}" == refusal("triton", "tune", "--dump", "dump.yaml")
    of_cluster = ("--dump", "dump.yaml", "--claim", "models", "--image", "trial:1")
    exported("triton", "tune", *of_cluster, "-o", "job.yaml")
    (job,) = yaml.safe_load_all(Path("job.yaml").read_text())
    assert ("Job", "tune-repository", "models") == (
        job["kind"],
        job["metadata"]["name"],
        job["metadata"]["namespace"],
    )


def test_objects_of_a_winner_need_an_image(refusal: OneLine) -> None:
    keep_run()
    rule = "must be given: the record of this tuning names no image of its trials"
    assert f"--image: {rule}" == refusal("kubernetes", "tune")


def test_a_deployment_and_its_service_go_to_standard_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    keep_run()
    exported("kubernetes", "tune", "--image", "trial:1", "--name", "shop", "--replicas", "2")
    deployment, service = yaml.safe_load_all(capsys.readouterr().out)
    assert ("Deployment", "shop", 2) == (
        deployment["kind"],
        deployment["metadata"]["name"],
        deployment["spec"]["replicas"],
    )
    assert ("Service", "shop") == (service["kind"], service["metadata"]["name"])


@pytest.mark.parametrize(
    "option", ["--name=Shop", "--name=a.b", "--name=-a", "--name=2b", "--replicas=-1"]
)
def test_what_no_object_can_have_is_refused(option: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["export", "kubernetes", "tune", option])
    assert 2 == ended.value.code
    assert "must be" in capfd.readouterr().err.splitlines()[-1]


def test_an_inference_service_names_its_storage(capsys: pytest.CaptureFixture[str]) -> None:
    keep_run()
    exported("kserve", "tune", "--image", "trial:1", "--storage-uri", "s3://bucket/tune")
    service = yaml.safe_load(capsys.readouterr().out)
    assert "s3://bucket/tune" == service["spec"]["predictor"]["model"]["storageUri"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "the following arguments are required: --storage-uri"),
        (("--storage-uri", "/models"), "must be a URI such as s3://BUCKET/FOLDER, got '/models'"),
    ],
)
def test_without_a_storage_there_is_no_inference_service(
    options: tuple[str, ...], words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["export", "kserve", "tune", *options])
    assert 2 == ended.value.code
    assert words in capfd.readouterr().err.splitlines()[-1]


def test_a_bundle_holds_the_very_request_and_what_was_served() -> None:
    state = keep_run()
    repository = keep_repository(state)
    trial, tuning = a_finished_trial(1), a_tuning()
    asked = build_request(tuning, trial, 0).replace(seed=12345)
    (repository.parent / "request.json").write_text(encode_request(asked))

    exported("bundle", "tune-1", "-o", "bundle")

    assert asked == decode_request(Path("bundle", "request.json").read_text())
    assert 'name: "net"' == Path("bundle", "config.pbtxt").read_text()
    assert os.access(Path("bundle", "run-again"), os.X_OK)


def test_a_bundle_of_a_cluster_holds_the_request_as_its_pod_got_it() -> None:
    a_dump("dump.yaml")
    exported("bundle", "tune-1", "--dump", "dump.yaml")
    expected = build_request(a_tuning(), a_finished_trial(1), 0)
    assert expected == decode_request(Path("tune-1-bundle", "request.json").read_text())
    assert not Path("tune-1-bundle", "config.pbtxt").exists()


def test_a_trial_that_has_not_ended_has_a_bundle_too() -> None:
    keep_run(finished=False)
    exported("bundle", "tune-2")
    assert "It has not ended." in Path("tune-2-bundle", "README.md").read_text()


@pytest.mark.parametrize(
    ("trial", "words"),
    [
        ("tune", "TRIAL: must be the name of a trial"),
        ("tune-9", "TRIAL: must be in .deploytune/tune (tune-0 to tune-2), got 'tune-9'"),
    ],
)
def test_a_trial_that_is_not_there_has_no_bundle(trial: str, words: str, refusal: OneLine) -> None:
    keep_run()
    assert words in refusal("bundle", trial)


def test_a_damaged_request_is_one_line(refusal: OneLine) -> None:
    repository = keep_repository(keep_run())
    (repository.parent / "request.json").write_text("{}")
    assert "request.json is damaged: " in refusal("bundle", "tune-1")

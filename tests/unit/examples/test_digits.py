"""The digits example asks a cluster what it asks one machine, and brings all its files along."""

from __future__ import annotations

from typing import Any

import yaml
from pod_builders import DIGITS, digits_files, digits_tuning

from deploytune.api.reading import parse_tuning
from deploytune.api.rules import check_stock_trial, check_tuning
from deploytune.api.translate import problem_of
from deploytune.bench.search.recorded.table import read_table

MOST_BYTES_OF_A_CONFIG_MAP = 2**20


def local_tuning(source: str = "tuning.template.yaml") -> dict[str, Any]:
    template = (DIGITS / source).read_text(encoding="utf-8")
    filled = template.replace("RATE_PER_SECOND", "30").replace("LATENCY_LIMIT_MS", "25")
    tuning: dict[str, Any] = yaml.safe_load(filled)
    return tuning


def test_the_cluster_is_asked_the_question_of_one_machine() -> None:
    asked = ("objectives", "constraints", "searchSpace", "algorithm", "workload")
    local, cluster = local_tuning()["spec"], digits_tuning()["spec"]
    assert {field: local[field] for field in asked} == {field: cluster[field] for field in asked}


def test_the_tuning_for_a_cluster_keeps_every_rule() -> None:
    source = "tuning.cluster.yaml"
    tuning = parse_tuning((DIGITS / source).read_text(encoding="utf-8"), source)
    check_tuning(tuning)
    check_stock_trial(tuning)


def test_the_volume_brings_every_file_of_the_workload_to_its_path() -> None:
    workload = digits_tuning()["spec"]["workload"]
    named = {model["source"] for model in workload["models"]}
    named |= {workload["evaluationData"], workload["calibrationData"]}
    brought = [path for paths in digits_files().values() for path in paths]
    assert {DIGITS / name for name in named} == set(brought)


def test_every_config_map_is_within_what_one_may_hold() -> None:
    for name, paths in digits_files().items():
        assert sum(path.stat().st_size for path in paths) < MOST_BYTES_OF_A_CONFIG_MAP, name


def test_the_table_is_recorded_over_a_part_of_the_same_space_and_is_the_same_else() -> None:
    whole, part = local_tuning()["spec"], local_tuning("table.template.yaml")["spec"]
    values = {one["name"]: one["values"] for one in whole["searchSpace"]["parameters"]}
    for parameter in part.pop("searchSpace")["parameters"]:
        assert set(parameter["values"]) <= set(values.pop(parameter["name"]))
    del whole["searchSpace"]
    assert ({}, whole) == (values, part)


def test_the_table_of_deploybench_was_recorded_over_the_space_of_its_template() -> None:
    tuning = parse_tuning(yaml.safe_dump(local_tuning("table.template.yaml")), "table")
    table = read_table("digits")
    assert [(p.name, p.values, p.when) for p in problem_of(tuning.spec).space.parameters] == [
        (p.name, p.values, p.when) for p in table.space.parameters
    ]
    assert 400 <= (table.space.size or 0)

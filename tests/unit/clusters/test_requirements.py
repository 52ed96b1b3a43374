"""What is lacking is named with its remedy, and only what is lacking."""

from __future__ import annotations

from clusters.requirements import Requirement, packages_lacking, why_not

HELD = Requirement(lambda: True, "no shell", "apt-get install dash", "dash")
PACKAGED = Requirement(lambda: False, "no runc", "apt-get install runc", "runc")
OTHER = Requirement(lambda: False, "not root", "run the tests as root")


def test_nothing_lacking_is_no_reason() -> None:
    assert why_not([HELD]) == ""


def test_each_lack_stands_with_its_remedy() -> None:
    expected = "no runc: apt-get install runc; not root: run the tests as root"

    assert expected == why_not([HELD, PACKAGED, OTHER])


def test_only_packages_that_are_lacking_are_installed() -> None:
    assert ["runc"] == packages_lacking([HELD, PACKAGED, OTHER, PACKAGED])

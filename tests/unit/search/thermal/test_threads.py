from __future__ import annotations

from threadpoolctl import threadpool_info

from deploytune.search.thermal.threads import one_thread


def threads_of_linear_algebra() -> list[int]:
    return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]


def test_linear_algebra_has_one_thread_for_a_while() -> None:
    with one_thread():
        pass  # the libraries are loaded
    before = threads_of_linear_algebra()
    with one_thread():
        during = threads_of_linear_algebra()
    assert before
    assert {1} == set(during)
    assert before == threads_of_linear_algebra()

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from deploytune.handlers.agenda import FIRST_REST_SECONDS, LONGEST_REST_SECONDS, Agenda


def test_keys_are_worked_on_in_the_order_they_were_added() -> None:
    agenda = an_agenda("a", "b", "c")

    assert ["a", "b", "c"] == [agenda.take(0.0), agenda.take(0.0), agenda.take(0.0)]


def test_a_key_added_twice_is_worked_on_once() -> None:
    agenda = an_agenda("a", "a")

    assert "a" == agenda.take(0.0)
    agenda.done("a", 0.0)
    assert agenda.take(0.0) is None


def test_a_key_is_never_given_to_two_workers() -> None:
    agenda = an_agenda("a")
    agenda.take(0.0)

    agenda.add("a", 0.0)

    assert agenda.take(0.0) is None


def test_a_key_added_while_being_worked_on_is_worked_on_once_more() -> None:
    agenda = an_agenda("a")
    agenda.take(0.0)
    agenda.add("a", 0.0)
    agenda.add("a", 0.0)

    agenda.done("a", 0.0)

    assert "a" == agenda.take(0.0)
    agenda.done("a", 0.0)
    assert agenda.take(0.0) is None


def test_a_delayed_key_waits_for_its_moment() -> None:
    agenda: Agenda[str] = Agenda()
    agenda.add("a", 0.0, after_seconds=5.0)

    assert agenda.take(4.9) is None
    assert 5.0 == agenda.next_due()
    assert "a" == agenda.take(5.0)


def test_the_earliest_of_several_delays_wins() -> None:
    agenda: Agenda[str] = Agenda()
    agenda.add("a", 0.0, after_seconds=5.0)
    agenda.add("a", 0.0, after_seconds=2.0)
    agenda.add("a", 0.0, after_seconds=9.0)

    assert 2.0 == agenda.next_due()
    assert "a" == agenda.take(2.0)
    agenda.done("a", 2.0)
    assert agenda.take(100.0) is None


def test_a_delayed_key_that_is_added_without_a_delay_is_worked_on_now_and_once() -> None:
    agenda: Agenda[str] = Agenda()
    agenda.add("a", 0.0, after_seconds=60.0)
    agenda.add("a", 1.0)

    assert "a" == agenda.take(1.0)
    agenda.done("a", 1.0)
    assert agenda.take(61.0) is None


def test_work_that_is_done_may_ask_to_be_done_again_later() -> None:
    agenda = an_agenda("a")
    agenda.take(0.0)

    agenda.done("a", 1.0, again_after_seconds=10.0)

    assert agenda.take(10.9) is None
    assert "a" == agenda.take(11.0)


def test_a_key_that_was_added_meanwhile_does_not_wait_for_its_next_time() -> None:
    agenda = an_agenda("a")
    agenda.take(0.0)
    agenda.add("a", 0.5)

    agenda.done("a", 1.0, again_after_seconds=10.0)

    assert "a" == agenda.take(1.0)


def test_a_key_that_failed_rests_longer_each_time_up_to_a_bound() -> None:
    agenda = an_agenda("a")
    rests, now = [], 0.0
    for _ in range(10):
        assert "a" == agenda.take(now)
        rests.append(agenda.failed("a", now))
        now += rests[-1]

    assert [FIRST_REST_SECONDS, 2 * FIRST_REST_SECONDS] == rests[:2]
    assert sorted(rests) == rests
    assert LONGEST_REST_SECONDS == rests[-1]


def test_adding_a_key_does_not_shorten_its_rest() -> None:
    agenda = an_agenda("a")
    agenda.take(0.0)
    rest = agenda.failed("a", 0.0)

    agenda.add("a", 0.0)

    assert agenda.take(rest * 0.9) is None
    assert "a" == agenda.take(rest)


def test_other_keys_do_not_wait_for_the_rest_of_one() -> None:
    agenda = an_agenda("a", "b")
    agenda.take(0.0)
    agenda.failed("a", 0.0)

    assert "b" == agenda.take(0.0)


def test_success_ends_the_back_off() -> None:
    agenda = an_agenda("a")
    agenda.take(0.0)
    agenda.failed("a", 0.0)
    agenda.take(10.0)
    agenda.done("a", 10.0)
    agenda.add("a", 10.0)

    assert "a" == agenda.take(10.0)
    assert FIRST_REST_SECONDS == agenda.failed("a", 10.0)


def an_agenda(*keys: str) -> Agenda[str]:
    agenda: Agenda[str] = Agenda()
    for key in keys:
        agenda.add(key, 0.0)
    return agenda


_KEYS = st.sampled_from("abc")
_SECONDS = st.floats(0.0, 20.0)


class AnyUse(RuleBasedStateMachine):
    """However it is used: no key is lost, none is worked on twice at once, rests are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.agenda: Agenda[str] = Agenda()
        self.now = 0.0
        self.at_work: set[str] = set()
        self.wanted_by: dict[str, float] = {}
        self.rests_until: dict[str, float] = {}

    @rule(key=_KEYS, after=_SECONDS)
    def add(self, key: str, after: float) -> None:
        self.agenda.add(key, self.now, after)
        self._want(key, max(self.now + after, self.rests_until.get(key, 0.0)))

    @rule(seconds=_SECONDS)
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def take(self) -> None:
        key = self.agenda.take(self.now)
        due = [k for k, moment in self.wanted_by.items() if moment <= self.now]
        free = [k for k in due if k not in self.at_work]
        assert (key in free) if free else (key is None)
        if key is not None:
            assert self.now >= self.rests_until.get(key, 0.0)
            self.at_work.add(key)
            del self.wanted_by[key]

    @precondition(lambda self: self.at_work)
    @rule(data=st.data(), again=st.none() | _SECONDS)
    def done(self, data: st.DataObject, again: float | None) -> None:
        key = data.draw(st.sampled_from(sorted(self.at_work)))
        self.at_work.discard(key)
        self.rests_until.pop(key, None)
        self.agenda.done(key, self.now, again)
        if again is not None:
            self._want(key, self.now + again)

    @precondition(lambda self: self.at_work)
    @rule(data=st.data())
    def failed(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.at_work)))
        self.at_work.discard(key)
        self.rests_until[key] = self.now + self.agenda.failed(key, self.now)
        self.wanted_by[key] = self.rests_until[key]

    @invariant()
    def the_next_moment_is_that_of_a_key_that_waits(self) -> None:
        due = self.agenda.next_due()
        waiting = [m for key, m in self.wanted_by.items() if key not in self.at_work]
        assert due is None or due in waiting

    def _want(self, key: str, moment: float) -> None:
        self.wanted_by[key] = min(moment, self.wanted_by.get(key, moment))


test_any_use = AnyUse.TestCase

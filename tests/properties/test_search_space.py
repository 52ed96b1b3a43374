from __future__ import annotations

from dataclasses import replace
from itertools import islice
from random import Random

from hypothesis import assume, given
from hypothesis import strategies as st
from search_builders import a_choice, a_flag, a_float, an_integer

from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.models import Scalar
from deploytune.search.neighbours import neighbour
from deploytune.search.space import Key, Parameter, Scale, Space

SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def parameters(draw: st.DrawFn, name: str, earlier: tuple[Parameter, ...]) -> Parameter:
    low = draw(st.integers(1, 4))
    made: Parameter = draw(
        st.sampled_from(
            [
                a_choice(name, *draw(st.sampled_from([("a", "b", "c"), (1, 8), (True, False)]))),
                an_integer(name, low, low + draw(st.integers(0, 3))),
                an_integer(name, low, low + 3, scale=Scale.LOG),
                a_float(name, 0, 0.3, step=0.1),
                a_float(name, 0.5, 0.5),
                a_flag(name),
            ]
        )
    )
    if not earlier or not draw(st.booleans()):
        return made
    parent = draw(st.sampled_from(earlier))
    places = draw(st.sets(st.integers(0, (parent.count or 1) - 1), min_size=1))
    when = {parent.name: tuple(parent.level(place) for place in sorted(places))}
    return replace(made, when=when)


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    made: tuple[Parameter, ...] = ()
    for number in range(draw(st.integers(1, 5))):
        made = (*made, draw(parameters(f"p{number}", made)))
    exclusions = []
    for _ in range(draw(st.integers(0, 3))):
        named = draw(st.lists(st.sampled_from(made), min_size=1, max_size=2, unique_by=id))
        exclusions.append(
            {p.name: p.level(draw(st.integers(0, (p.count or 1) - 1))) for p in named}
        )
    try:
        return Space(tuple(draw(st.permutations(made))), tuple(exclusions))
    except InvalidTuningError:
        assume(condition=False)
        raise


@given(spaces(), SEEDS)
def test_every_draw_is_valid(space: Space, seed: int) -> None:
    drawn = space.sample(Random(seed))
    assert drawn is not None
    assert space.broken_rule(drawn) is None
    assert drawn == space.normalised(drawn)


@given(spaces())
def test_listing_a_space_gives_its_size_and_every_configuration_once(space: Space) -> None:
    listed = list(space.configurations())
    assert space.size == len(listed)
    assert len({space.key(configuration) for configuration in listed}) == len(listed)
    assert all(space.is_valid(configuration) for configuration in listed)


@given(spaces(), SEEDS)
def test_a_space_can_be_drawn_to_the_last_configuration(space: Space, seed: int) -> None:
    assert space.size is not None
    assume(space.size <= 60)
    rng = Random(seed)
    tried: set[Key] = set()
    while (drawn := space.sample(rng, without=tried)) is not None:
        assert space.key(drawn) not in tried
        tried.add(space.key(drawn))
    assert len(tried) == space.size


@given(spaces(), SEEDS, st.floats(0, 1))
def test_a_neighbour_breaks_no_rule_but_an_exclusion(space: Space, seed: int, share: float) -> None:
    rng = Random(seed)
    start = space.sample(rng)
    assert start is not None
    moved = neighbour(space, start, rng, share)
    assert space.is_excluded(moved) or space.is_valid(moved)


@given(spaces(), SEEDS)
def test_a_key_does_not_depend_on_the_order(space: Space, seed: int) -> None:
    configuration = space.sample(Random(seed)) or {}
    turned: dict[str, Scalar] = dict(reversed(configuration.items()))
    assert space.key(configuration) == space.key(turned)


@given(st.lists(st.floats(1e-12, 1e12), min_size=2, max_size=2, unique=True), st.floats(0, 1))
def test_a_number_on_a_log_scale_stays_in_range(bounds: list[float], share: float) -> None:
    low, high = sorted(bounds)
    value = a_float("x", low, high, scale=Scale.LOG).at(share)
    assert isinstance(value, float)
    assert low <= value <= high


@given(st.integers(1, 10**12), st.integers(0, 10**12), st.floats(0, 1))
def test_an_integer_on_a_log_scale_stays_in_range(low: int, width: int, share: float) -> None:
    value = an_integer("x", low, low + width, scale=Scale.LOG).at(share)
    assert isinstance(value, int)
    assert low <= value <= low + width


def test_listing_a_space_is_lazy() -> None:
    space = Space(tuple(an_integer(f"x{number}", 1, 10**6) for number in range(10)))
    assert len(list(islice(space.configurations(), 5))) == 5

"""Fits find again what measurements were made from."""

from __future__ import annotations

import pytest

from benchmarks.fits import exponents, line, linear_stretch, power_law

XS = [1e3, 1e4, 1e5, 1e6, 1e7]


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
def test_a_power_law_is_found(exponent: float) -> None:
    found = power_law(XS, [3 * x**exponent for x in XS])
    assert found.exponent == pytest.approx(exponent)
    assert found.factor == pytest.approx(3)
    assert found.r_squared == pytest.approx(1)


def test_what_does_not_grow_has_the_exponent_0() -> None:
    found = power_law(XS, [7.0] * len(XS))
    assert found.exponent == pytest.approx(0, abs=1e-9)
    assert found.factor == pytest.approx(7)
    assert found.r_squared == pytest.approx(1)


def test_a_line_is_found_with_its_fixed_part_and_knee() -> None:
    found = line(XS, [2 + 1e-5 * x for x in XS])
    assert found.fixed == pytest.approx(2)
    assert found.slope == pytest.approx(1e-5)
    assert found.knee == pytest.approx(2e5)
    assert found.worst == pytest.approx(0, abs=1e-9)


def test_a_line_weighs_small_measurements_like_large_ones() -> None:
    ys = [1 + 1e-5 * x for x in XS]
    disturbed = line(XS, [*ys[:-1], ys[-1] * 1.2])
    assert disturbed.fixed == pytest.approx(1, rel=0.1)
    assert 0.05 < disturbed.worst < 0.2


def test_a_line_without_a_fixed_part_has_no_knee() -> None:
    assert line([1, 2, 4], [2, 4, 8]).knee == pytest.approx(0, abs=1e-6)
    assert line([1, 2, 4], [1, 3, 7]).knee == 0


def test_exponents_are_those_between_neighbours() -> None:
    assert exponents([1, 10, 100], [5, 5, 500]) == [pytest.approx(0), pytest.approx(2)]


def test_the_linear_stretch_is_the_longest_run_that_is_about_linear() -> None:
    assert linear_stretch(XS, [1 + 1e-4 * x for x in XS]) == (1e5, 1e7)
    assert linear_stretch([1, 10, 20, 40, 400], [1, 10, 80, 160, 1600]) == (20, 400)
    assert linear_stretch(XS, [5.0] * len(XS)) is None


@pytest.mark.parametrize(
    ("xs", "ys"), [([1], [1]), ([1, 1], [1, 2]), ([1, 2], [1]), ([1, 2], [0, 1]), ([-1, 2], [1, 1])]
)
def test_what_cannot_be_fitted_is_refused(xs: list[float], ys: list[float]) -> None:
    with pytest.raises(ValueError, match="a fit needs"):
        power_law(xs, ys)
    with pytest.raises(ValueError, match="a fit needs"):
        line(xs, ys)

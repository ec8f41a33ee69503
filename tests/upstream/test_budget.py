"""How often a question may be asked again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.upstream.budget import BudgetPolicy, RetryBudget


def test_what_was_saved_up_is_spent_and_then_a_share_of_the_requests() -> None:
    budget = RetryBudget(BudgetPolicy(share=0.25, burst=3, per_second=0))
    assert [budget.take(0) for _ in range(4)] == [True, True, True, False]
    for _ in range(8):
        budget.deposit()
    assert [budget.take(0) for _ in range(3)] == [True, True, False]


def test_a_little_comes_by_itself() -> None:
    budget = RetryBudget(BudgetPolicy(share=0.1, burst=1, per_second=2))
    assert budget.take(0)
    assert not budget.take(0)
    assert not budget.take(400)
    assert budget.take(500)


def test_a_share_of_nothing_never_allows_any() -> None:
    budget = RetryBudget(BudgetPolicy(share=0))
    budget.deposit()
    assert not budget.take(0)
    assert not budget.take(10**9)


@given(st.lists(st.booleans(), max_size=400), st.floats(0.01, 1))
def test_a_storm_is_never_multiplied_by_more_than_the_share(asks: list[bool], share: float) -> None:
    budget = RetryBudget(BudgetPolicy(share=share, burst=5, per_second=0))
    asked = repeated = 0
    for is_new in asks:
        if is_new:
            asked += 1
            budget.deposit()
        else:
            repeated += budget.take(0)
    assert repeated <= 5 + share * asked + 1e-6


def test_retries_that_help_cost_nothing() -> None:
    budget = RetryBudget(BudgetPolicy(share=0.1, burst=2, per_second=0))
    for _ in range(50):
        assert budget.take(0)
        assert budget.take(0)
        budget.give_back(2)
    budget.give_back(100)
    assert [budget.take(0) for _ in range(3)] == [True, True, False], "no more than was saved up"

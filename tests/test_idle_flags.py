from __future__ import annotations

import re

import pytest

from proxy.idle_flags import WITHOUT_EFFECT


@pytest.mark.parametrize("flag", WITHOUT_EFFECT)
def test_every_flag_without_effect_says_why(flag: str) -> None:
    assert re.fullmatch(r"[a-z][a-z.-]+", flag)
    assert re.fullmatch(r"[^\n|]{10,110}", WITHOUT_EFFECT[flag])

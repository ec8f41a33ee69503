"""Questions that the operator does not want asked, told by their text or by who asks them.

A rule blocks what fits all of its members. Patterns are RE2's (`google-re2`): they are read in linear
time whatever the client writes. They are searched for, so anchors mean the whole text only where they
are written, and `.` takes line ends too, or a line break would lead around a rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

import re2

from proxy.errors import LimitError
from proxy.promql.lexer import normalise

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from proxy.model.query import Form

APIS = ("query", "query_range", "series", "labels", "label_values", "read")
"""What a rule's `path` may be: the paths behind `/api/v1/` that are looked into."""

_TEXT_PARAMETERS = frozenset(("query", "match[]"))
_BLANKS = " \t\r\n"
_MOST_REMEMBERED = 1_000
_LONGEST_REMEMBERED = 4_096
"""Together they bound the memory: some 1,000 texts of at most 4,096 characters."""
_MOST_AGENTS = 64
_LONGEST_AGENT = 512
"""The same for what clients call themselves, for each rule that looks at it."""


class Question(NamedTuple):
    """What is asked, as far as rules look at it.

    api: one of `APIS`. form: None where Thanos must read the request itself. headers: their names are
    found in any case.
    """

    api: str
    tenant: str
    form: Form | None
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BlockedRule:
    """What is blocked. An empty member fits everything; a rule has one that is not.

    expression: equal but for white space and comments. pattern, user_agent: searched for. reason: what
    the client is told.
    """

    expression: str = ""
    pattern: str = ""
    user_agent: str = ""
    dashboard: str = ""
    panel: str = ""
    tenant: str = ""
    path: str = ""
    reason: str = ""


class Pattern:
    """A regular expression to search for.

    Raises:
        ValueError: it is none, or too large a one; the text says why.
    """

    __slots__ = ("_compiled",)

    def __init__(self, text: str) -> None:
        options = re2.Options()
        options.dot_nl = True
        options.log_errors = False
        try:
            self._compiled = re2.compile(text.encode("utf-8", "replace"), options)
        except re2.error as error:
            reason = error.args[0].decode("utf-8", "replace")
            raise ValueError(f"it is no RE2 regular expression: {reason}") from None

    def is_in(self, text: str) -> bool:
        """A header's bytes that are no UTF-8 count as question marks."""
        return self._compiled.search(text.encode("utf-8", "replace")) is not None


class Blocking:
    """Rules, ready to be asked for every request.

    Raises:
        ValueError: a pattern is no regular expression.
    """

    def __init__(self, rules: Iterable[BlockedRule]) -> None:
        self._rules = [_Ready(rule, number) for number, rule in enumerate(rules, 1)]
        self._without_text = tuple(ready for ready in self._rules if not ready.reads_text)
        self._rules_of = lru_cache(_MOST_REMEMBERED)(self._look_up)

    def check(self, question: Question) -> None:
        """Refuse what fits a rule; the first one in the file's order for each text.

        A request that Thanos reads itself may have any text: what only its text could save is refused.

        Raises:
            LimitError: it is blocked.
        """
        if question.form is None:
            self._refuse(self._rules, question)
            return
        texts = texts_of(question.form)
        if not texts:
            self._refuse(self._without_text, question)
        for text in texts:
            is_short = len(text) <= _LONGEST_REMEMBERED
            found = (self._rules_of if is_short else self._look_up)(text)
            self._refuse(found, question)

    def _look_up(self, text: str) -> tuple[_Ready, ...]:
        """The rules that a text does not save."""
        normal = _normal(text)
        return tuple(ready for ready in self._rules if ready.fits_text(text, normal))

    def _refuse(self, rules: Iterable[_Ready], question: Question) -> None:
        for ready in rules:
            if ready.fits_request(question):
                raise LimitError(ready.refusal(question.form is None), "blocked")


class _Agents:
    """What clients call themselves: few names, which come with every request."""

    __slots__ = ("_is_in", "_known")

    def __init__(self, pattern: str) -> None:
        self._is_in = Pattern(pattern).is_in
        self._known = lru_cache(_MOST_AGENTS)(self._is_in)

    def fit(self, agent: str) -> bool:
        is_short = len(agent) <= _LONGEST_AGENT
        return (self._known if is_short else self._is_in)(agent)


class _Ready:
    """A rule with all that can be known of it before a question comes."""

    __slots__ = ("_agents", "_expression", "_number", "_pattern", "_rule", "reads_text")

    def __init__(self, rule: BlockedRule, number: int) -> None:
        self._rule = rule
        self._number = number
        self._expression = _normal(rule.expression) if rule.expression else None
        self._pattern = Pattern(rule.pattern) if rule.pattern else None
        self._agents = _Agents(rule.user_agent) if rule.user_agent else None
        self.reads_text = bool(rule.expression or rule.pattern)

    def fits_text(self, text: str, normal: str) -> bool:
        if self._expression not in {None, normal}:
            return False
        return self._pattern is None or self._pattern.is_in(text)

    def fits_request(self, question: Question) -> bool:
        """All but the text; what costs most comes last."""
        rule, headers = self._rule, question.headers
        if rule.tenant and rule.tenant != question.tenant:
            return False
        if rule.path and rule.path != question.api:
            return False
        if rule.dashboard and rule.dashboard != headers.get("X-Dashboard-Uid"):
            return False
        if rule.panel and rule.panel != headers.get("X-Panel-Id"):
            return False
        return self._agents is None or self._agents.fit(headers.get("User-Agent", ""))

    def refusal(self, is_unread: bool) -> str:
        where = f"rule {self._number} of blocked in --limits.config-file"
        if is_unread and self.reads_text:
            return (
                f"this request's parameters cannot be read here, so {where} cannot be checked: send"
                " them to the plain path, in the URL or as a form of at most --http.max-form-bytes"
            )
        reason = f": {self._rule.reason}" if self._rule.reason else ""
        return f"this request is blocked{reason} ({where}): ask for something else"


def api_of(path: str) -> str:
    """What a path, as it was sent, asks Thanos for: one of `APIS`, or "".

    Thanos decodes paths before it looks at them, so `query%5Frange` is `query_range`. Slashes that it
    would redirect, and what stands before `/api/v1`, do not count.
    """
    parts = [part for part in unquote(path, errors="replace").split("/") if part]
    behind = parts[parts.index("v1") + 1 :] if "v1" in parts else []
    if len(behind) > 1:
        return "label_values" if (behind[0], behind[-1]) == ("label", "values") else ""
    return behind[0] if behind and behind[0] in APIS else ""


def texts_of(form: Form) -> list[str]:
    """The expressions and selectors of a request."""
    return [value for name, value in form if name in _TEXT_PARAMETERS]


def _normal(text: str) -> str:
    """Of a text that is no PromQL here, only the blanks around it do not count."""
    return normalise(text).strip(_BLANKS)

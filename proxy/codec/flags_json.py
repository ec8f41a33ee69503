"""`/api/v1/status/flags` of Thanos Query: how it was started."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from proxy.errors import BadUpstreamAnswerError

if TYPE_CHECKING:
    from collections.abc import Mapping


def parse_flags(body: bytes) -> Mapping[str, str]:
    """Flag to value; of a flag that was given several times, the values with commas between them.

    Raises:
        BadUpstreamAnswerError: not such an answer.
    """
    try:
        return {str(name): str(value) for name, value in orjson.loads(body)["data"].items()}
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise BadUpstreamAnswerError("/api/v1/status/flags answered no flags") from error

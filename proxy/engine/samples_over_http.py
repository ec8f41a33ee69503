"""Raw samples from any PromQL HTTP API: `selector[range]` at an instant.

For floats only; see `codec.samples_json` for what does not survive this way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.codec.samples_json import read_samples
from proxy.codec.selector_text import encode_samples_form
from proxy.engine.ports import SampleBatch

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from proxy.engine.ports import Threads, Upstream, UpstreamAnswer
    from proxy.model.chunks import ChunkBatch
    from proxy.model.query import Caller
    from proxy.model.read_query import SampleAsk

PATH = "/api/v1/query"


class SamplesOverHttp:
    """Implements `engine.ports.SampleSource`; the upstream deduplicates replicas itself."""

    def __init__(self, upstream: Upstream, threads: Threads) -> None:
        self._upstream = upstream
        self._threads = threads

    async def series(self, ask: SampleAsk, caller: Caller) -> AsyncGenerator[SampleBatch]:
        """One request, one batch.

        Raises:
            QueryError: the upstream's, or a `LimitError` for native histograms.
        """

        async def read(answer: UpstreamAnswer) -> tuple[UpstreamAnswer, ChunkBatch, bool]:
            series, has_notes = await self._threads.run(
                lambda body: read_samples(body, ask.first_ms), answer.body, len(answer.body)
            )
            return answer, series, has_notes

        form = encode_samples_form(ask)
        answer, series, has_notes = await self._upstream.ask(PATH, form, caller, read)
        try:
            yield SampleBatch(series, is_complete=not (answer.no_store or has_notes))
        finally:
            answer.memory.close()

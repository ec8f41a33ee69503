"""Thanos Query, asked over HTTP. The only place that knows aiohttp's client."""

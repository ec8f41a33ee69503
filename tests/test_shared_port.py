"""One port for several processes, and for nobody else."""

from __future__ import annotations

import pytest

from proxy.shared_port import open_sockets


def test_sockets_share_one_port_that_nobody_else_gets() -> None:
    sockets = open_sockets("127.0.0.1", 0, 3)
    try:
        port = sockets[0].getsockname()[1]
        assert {one.getsockname()[1] for one in sockets} == {port}
        with pytest.raises(OSError, match="in use"):
            open_sockets("127.0.0.1", port, 2)
    finally:
        for one in sockets:
            one.close()

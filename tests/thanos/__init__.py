"""A real Thanos for tests, the demo and the benchmarks: processes, sample data, remote write.

    samples       series with everything that bites, the same for the same seed and end
    remote_write  series -> WriteRequest messages -> Thanos Receive, in the order of time
    processes     one child process: ready, stopped, paused, gone when its parent is gone
    loopback      one HTTP request, and free ports
    cluster       `thanos receive` filled with samples, and `thanos query` in front of it

Nothing here needs pytest.
"""

"""A real Prometheus that reads from thanoxy must answer as Thanos Query does.

queries       the PromQL that is asked, and what differs over HTTP
asking        one question to both servers, and what of the answers is compared
servers       thanoxy as a child process; a relay through which Prometheus asks for SAMPLES only
conftest      the servers that all tests share
"""

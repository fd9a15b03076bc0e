"""The parts that both drivers share: sockets, TLS, readiness, and the transfer of bytes to and from an engine."""

"""The parts of the driver: sockets, TLS, readiness, and the transfer of bytes to and from an engine."""

"""What both drivers share: sockets, TLS, readiness, and the transfer between them and an engine."""

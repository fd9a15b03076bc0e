"""HTTP/2 (RFC 9113) in both roles, on h2."""

"""Body decoders: bytes of a response body in, complete payloads out. Incremental, split-blind, bounded."""

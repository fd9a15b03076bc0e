"""Body decoders: bytes of a response body in, complete payloads out. They are incremental, independent of how reads
were cut, and bounded."""

"""Client protocols: decode what a client says, encode what it is told."""

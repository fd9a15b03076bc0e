"""Parts of a host's own, for one gateway."""

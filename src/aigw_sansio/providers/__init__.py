"""Where a provider is, how it wants its key, and how its answers read."""

"""Providers: their URLs, where each takes its key, and the formats of their responses."""

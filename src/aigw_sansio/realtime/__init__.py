"""Voice and live sessions: a WebSocket to the client, one to the provider, and what passes between them."""

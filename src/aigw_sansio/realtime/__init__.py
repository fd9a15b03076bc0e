"""Realtime sessions: a WebSocket to the client, one to the provider, and the messages between them."""

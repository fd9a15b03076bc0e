"""The client's side: HTTP requests in, one WebSocket out of each that is admitted."""

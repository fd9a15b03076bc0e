"""The client's side: HTTP requests, and a WebSocket for each request that is admitted."""

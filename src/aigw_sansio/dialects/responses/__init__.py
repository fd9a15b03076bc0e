"""OpenAI's Responses over WebSocket: the second JSON protocol that is spoken with clients."""

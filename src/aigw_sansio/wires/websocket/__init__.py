"""WebSocket (RFC 6455) in both roles, and permessage-deflate (RFC 7692)."""

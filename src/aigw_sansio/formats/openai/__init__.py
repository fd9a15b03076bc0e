"""The formats that OpenAI defined; many other providers use them."""

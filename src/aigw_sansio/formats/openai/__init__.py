"""The formats that OpenAI defined, which many other providers speak."""

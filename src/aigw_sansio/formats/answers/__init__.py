"""Writers of answers: what a provider said, in the format that the client speaks."""

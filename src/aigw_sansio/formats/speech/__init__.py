"""The formats of providers of speech and media: Cartesia, Deepgram, ElevenLabs and fal."""

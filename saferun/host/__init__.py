"""The world: bytes in, bytes out."""

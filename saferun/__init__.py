"""docker run with a law."""

__version__ = "0.1.0"

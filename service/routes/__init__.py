"""The HTTP calls, one module per path."""

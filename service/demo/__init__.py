"""The demonstration: the shipped bundle, sample vehicles, and a run over both."""

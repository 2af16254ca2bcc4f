"""Training of CCNet: model, losses, data, loop, evaluation, synthetic data."""

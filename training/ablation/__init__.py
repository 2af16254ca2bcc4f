"""Ablations: grids of trainings over rows and seeds, measured and set beside the paper's tables."""

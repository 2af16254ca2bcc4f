"""Synthetic vehicles in three spectra."""

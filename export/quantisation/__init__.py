"""Variants of a bundle: other precisions, measured before they are written."""

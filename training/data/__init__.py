"""Data sets, sampling, augmentation."""

from training.data.dataset import Dataset, labels_of
from training.data.load import load_dataset

__all__ = ["Dataset", "labels_of", "load_dataset"]

"""The search index on the disk: written, read, checked and erased."""

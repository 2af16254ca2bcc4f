"""Backup, examination and retention of a gallery, and the commands of `vreid gallery`."""

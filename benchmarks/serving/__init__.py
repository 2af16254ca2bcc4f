"""Compares the service with other ways to serve the same networks, on one machine in one run."""

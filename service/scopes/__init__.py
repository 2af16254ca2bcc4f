"""What the scope of a request tells: where it comes from, and to which route it leads."""

"""Labels, times and attributes of many records as arrays."""

"""What the scope of a request tells: headers, where it comes from, to which route it leads."""

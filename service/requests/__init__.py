"""One request with a body: let in, read, parsed, passed through the threads, answered."""

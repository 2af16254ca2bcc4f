"""The threads that work beside the event loop, and their names."""

"""What is stored for good: records, pictures and the feed of changes, in SQLite."""

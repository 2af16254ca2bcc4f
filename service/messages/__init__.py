"""What the calls take and answer, as models, and how they become the rooms' objects."""

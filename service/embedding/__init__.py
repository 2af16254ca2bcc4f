"""From images as they were sent to branch features."""

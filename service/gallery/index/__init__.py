"""The search index in memory: candidates from segments, ranked exactly."""

"""What `POST /search` does with a query: ranking, thresholds, groups, re-ranking, pages."""

"""Which records a search, a listing or a deletion is about."""

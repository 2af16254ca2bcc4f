"""The durable set of records and the search index derived from it."""

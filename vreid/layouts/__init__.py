"""How data sets and archives lie on disk: read into samples, no image opened."""

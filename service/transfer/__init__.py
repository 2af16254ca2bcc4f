"""Records with their features as files: what `vreid gallery import` and `export` read and write."""

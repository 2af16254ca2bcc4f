"""The offline job that fills a gallery from a folder, a data set or a manifest."""

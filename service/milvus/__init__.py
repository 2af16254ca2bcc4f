"""A gallery on a Milvus server, which several stateless services share."""

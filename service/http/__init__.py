"""Around the calls: server, what requests and answers carry, problems, the API document."""

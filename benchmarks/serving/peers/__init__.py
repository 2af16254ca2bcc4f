"""Other ways to serve the same networks, each a program of its own that imports nothing of vreid.

They run in an environment of their own (`requirements.txt`), and are told by the variables in
`benchmarks.serving.peers.triplets` which bundle to serve and how.
"""

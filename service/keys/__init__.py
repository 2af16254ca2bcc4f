"""API keys: who may call what, how often, and what they did."""

"""The service: gallery, offline indexing, HTTP.

It reads bundles through `vreid` and never imports torch.
"""

"""Ingest: sightings accepted now and embedded later, through a Redis stream.

POST /ingest -> intake -> stream -> worker -> gallery
                                    worker -> dead letters
"""

"""Embedding a gallery again with another bundle while it is in use.

    served generation --differences--> sightings --images--> features --> new generation
                                                  verification, then the swap

Nothing about the progress is written down: what is left to do is what the new generation lacks.
"""

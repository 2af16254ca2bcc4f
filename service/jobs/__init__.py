"""Jobs on a gallery as others see them: each tells how far it is in a file beside the records."""

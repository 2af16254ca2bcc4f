"""Measures how fast this machine embeds: the engine alone, in the process, and over HTTP."""

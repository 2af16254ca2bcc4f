"""Records a first hour: an empty Debian, the air-gapped bundle, and a search in a real browser.

`docs/recording/record.sh PYTHON BUNDLE` makes docs/guides/first-hour-recording.md and the pictures
in docs/images/first-hour/ out of what it saw.
"""

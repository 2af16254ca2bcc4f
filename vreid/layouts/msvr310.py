"""MSVR310's folders and file names, which the synthetic generator writes too."""

import re

TRAIN, GALLERY, QUERY = "bounding_box_train", "bounding_box_test", "query3"

NAME_PATTERN = re.compile(
    r"(?P<identity>\d{4})_s(?P<scene>\d{3})_v(?P<view>\d)_(?P<index>\d{3})\.jpg"
)
"""The data set's own file names."""

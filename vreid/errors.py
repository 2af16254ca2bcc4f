"""Every error that vreid raises on purpose.

    VreidError
    ├── ImageError
    │   ├── UnreadableImage      the file cannot be read from disk
    │   ├── EmptyImage           0 bytes
    │   ├── UndecodableImage     not an image of a known format, truncated, or corrupt
    │   ├── UnsupportedImage     an image, but of a kind that vreid does not read
    │   ├── ImageTooLarge        more bytes or pixels than the limits allow
    │   └── WrongTiles           not made of the tiles that its data set has side by side
    ├── SampleError
    │   ├── NoModality           no image at all, or not the one asked for
    │   └── UnknownModality      a name other than rgb, nir, tir
    ├── FusionError              features and mask that do not fit together
    ├── ScoringError             unknown policy, features that do not fit together
    ├── BundleError
    │   ├── BundleNotFound       no directory, or no manifest in it
    │   ├── BundleDamaged        a manifest or file that is not what was written
    │   ├── BundleUnsupported    written by a newer vreid
    │   └── FingerprintMismatch  features of one model met another model
    ├── DatasetError             a data set that is not laid out as its loader expects
    ├── ConfigurationError       a setting that is unknown, missing or out of range
    ├── EngineError
    │   └── EngineUnavailable    the engine that was asked for cannot run here
    └── MetricError              nothing to evaluate, or labels that do not fit

The other packages, and `vreid.client.errors`, derive their own errors from these. A message says
what is wrong and what to do next; the command line prints it as it is and the service puts it into
the problem's detail.
"""


class VreidError(Exception):
    """Base of every error that vreid raises on purpose."""


class ImageError(VreidError):
    """An image that cannot be used."""


class UnreadableImage(ImageError):
    """The image file cannot be read from disk."""


class EmptyImage(ImageError):
    """The image has 0 bytes."""


class UndecodableImage(ImageError):
    """The bytes are no image of a known format, or are truncated or corrupt."""


class UnsupportedImage(ImageError):
    """An image, but of a kind that vreid does not read."""


class ImageTooLarge(ImageError):
    """The image has more bytes or pixels than the limits allow."""


class WrongTiles(ImageError):
    """The image is not made of as many tiles, of the shape, as its data set has side by side."""


class SampleError(VreidError):
    """A sample that cannot be used."""


class NoModality(SampleError):
    """The sample has no image, or not the one that was asked for."""


class UnknownModality(SampleError):
    """A modality other than rgb, nir, tir."""


class FusionError(VreidError):
    """Features and mask do not fit together."""


class ScoringError(VreidError):
    """A scoring policy that does not exist, or features that do not fit together."""


class BundleError(VreidError):
    """A model bundle that cannot be used."""


class BundleNotFound(BundleError):
    """There is no bundle at the given path."""


class BundleDamaged(BundleError):
    """The bundle's manifest or one of its files is not what was written."""


class BundleUnsupported(BundleError):
    """The bundle has a schema version that this vreid does not read."""


class FingerprintMismatch(BundleError):
    """Features made by one model were brought together with another model."""


class DatasetError(VreidError):
    """A data set that is not laid out as its loader expects."""


class ConfigurationError(VreidError):
    """A setting that is unknown, missing or out of range."""


class EngineError(VreidError):
    """An inference engine failed."""


class EngineUnavailable(EngineError):
    """The engine that was asked for cannot run on this machine."""


class MetricError(VreidError):
    """There is nothing to evaluate, or the labels do not fit the distances."""

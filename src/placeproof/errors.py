"""Every error that placeproof raises on purpose, each kind with its own exit code.

The message of a :class:`PlaceproofError` is one line that a user can act on. The command
line prints it and exits with ``exit_code``; it never shows a traceback for these. Code 2 is
click's own for a wrong command line, 130 a run that the user interrupted.
"""

from typing import ClassVar


class PlaceproofError(Exception):
    """Base of all errors that are the input's or the machine's fault, not the program's."""

    exit_code: ClassVar[int] = 1


class NotAnImageError(PlaceproofError):
    """The file cannot be read as a picture of a supported format."""

    exit_code = 10


class TruncatedImageError(PlaceproofError):
    """The file is empty, or begins as a picture and ends too early."""

    exit_code = 11


class ImageTooLargeError(PlaceproofError):
    """The picture has more pixels than placeproof decodes (a decompression bomb, or nearly)."""

    exit_code = 12


class ImageTooSmallError(PlaceproofError):
    """The picture has too few pixels to hold anything that could be matched."""

    exit_code = 13


class NotEquirectangularError(PlaceproofError):
    """The picture is no full 360° x 180° equirectangular panorama."""

    exit_code = 14


# What makes a single picture unusable, and is no reason to give up others.
UNUSABLE_PICTURE = (
    NotAnImageError,
    TruncatedImageError,
    ImageTooLargeError,
    ImageTooSmallError,
    NotEquirectangularError,
)


class LocationError(PlaceproofError):
    """A latitude, longitude or radius that no place on Earth has."""

    exit_code = 20


class NoClaimError(PlaceproofError):
    """No location was claimed, and the photo itself carries none."""

    exit_code = 21


class AmbiguousClaimError(PlaceproofError):
    """A claim in words that may mean more than one place; none is chosen silently."""

    exit_code = 22


class LibraryError(PlaceproofError):
    """A panorama library or a folder of panoramas cannot be read."""

    exit_code = 30


class CorruptLibraryError(LibraryError):
    """A library's index or one of its files is damaged."""

    exit_code = 31


class ManifestError(PlaceproofError):
    """A list of training pairs cannot be read, or what it says cannot be trained on."""

    exit_code = 32


class SuiteError(PlaceproofError):
    """A test set cannot be read, or its pairs measure nothing."""

    exit_code = 33


class WeightsError(PlaceproofError):
    """A checkpoint is missing, damaged, or no checkpoint of placeproof's."""

    exit_code = 40


class WeightsMismatchError(WeightsError):
    """A sound checkpoint that belongs to another network than the one it is loaded into."""

    exit_code = 41


class DownloadNotAllowedError(PlaceproofError):
    """Something would have to be downloaded and the user has not asked for that."""

    exit_code = 42


class DownloadError(PlaceproofError):
    """A download that the user asked for failed, or its checksum is wrong."""

    exit_code = 43


class NetworkError(PlaceproofError):
    """A server cannot be reached, keeps failing, or answers what it should not."""

    exit_code = 44


class ForbiddenAddressError(NetworkError):
    """An address that is not fetched: another scheme, or a private or local network."""

    exit_code = 45


class KeyMissingError(PlaceproofError):
    """A provider wants a key or token and none was found, or it refuses the one it got."""

    exit_code = 46


class StorageError(PlaceproofError):
    """A file cannot be written: the disk is full, or the folder is not writable."""

    exit_code = 50


class TrainingError(PlaceproofError):
    """A training run that cannot go on: nothing to learn from, or a loss that is no number."""

    exit_code = 60


class RecipeError(TrainingError):
    """A recipe cannot be read, or asks for what is impossible."""

    exit_code = 61


class StateError(TrainingError):
    """The state of an interrupted training run is damaged, or of another run."""

    exit_code = 62


class EvaluationError(PlaceproofError):
    """An evaluation that cannot go on, or a folder that holds another one."""

    exit_code = 63


class CollectError(PlaceproofError):
    """A collection that cannot begin or go on, or a folder that holds another one."""

    exit_code = 64

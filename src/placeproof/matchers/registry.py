"""Every matcher by its name. Packages and weights are loaded when one is made, not before."""

from collections.abc import Callable

from placeproof.errors import WeightsError
from placeproof.matchers.contract import Matcher
from placeproof.matchers.lightglue import AlikedLightGlue, DiskLightGlue
from placeproof.matchers.vismatch import PREFIX, Vismatch
from placeproof.matchers.xfeat import Xfeat, XfeatLighterGlue

MATCHERS: dict[str, Callable[[], Matcher]] = {
    AlikedLightGlue.name: AlikedLightGlue,
    DiskLightGlue.name: DiskLightGlue,
    Xfeat.name: Xfeat,
    XfeatLighterGlue.name: XfeatLighterGlue,
}


def make_matcher(name: str, *, allow_download: bool = False) -> Matcher:
    """A matcher by its name: a key of ``MATCHERS``, or ``vismatch:NAME``.

    Args:
        name: See above.
        allow_download: Whether the user has asked for downloads; only vismatch's need any.

    Raises:
        WeightsError: If there is none of that name, its package is not installed, or the package
            lacks its weights.
        DownloadNotAllowedError: If weights would have to be downloaded and the user has not asked.
        DownloadError: If a download fails.
    """
    if name.startswith(PREFIX):
        return Vismatch(name.removeprefix(PREFIX), allow_download=allow_download)
    if name not in MATCHERS:
        known = ", ".join((*MATCHERS, f"{PREFIX}NAME"))
        raise WeightsError(f"no matcher is called '{name}'; there are {known}")
    return MATCHERS[name]()

"""Every matcher by its name. Packages and weights are loaded when one is made, not before."""

from collections.abc import Callable

from placeproof.errors import WeightsError
from placeproof.matchers.contract import Matcher
from placeproof.matchers.lightglue import AlikedLightGlue, DiskLightGlue
from placeproof.matchers.xfeat import Xfeat, XfeatLighterGlue

MATCHERS: dict[str, Callable[[], Matcher]] = {
    AlikedLightGlue.name: AlikedLightGlue,
    DiskLightGlue.name: DiskLightGlue,
    Xfeat.name: Xfeat,
    XfeatLighterGlue.name: XfeatLighterGlue,
}


def make_matcher(name: str) -> Matcher:
    """A matcher by its name.

    Raises:
        WeightsError: If there is none of that name, its package is not installed, or the package
            lacks its weights.
    """
    if name not in MATCHERS:
        raise WeightsError(f"no matcher is called '{name}'; there are {', '.join(MATCHERS)}")
    return MATCHERS[name]()

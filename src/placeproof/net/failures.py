"""What a failed request raises."""

from placeproof.errors import NetworkError


class HttpError(NetworkError):
    """A request that failed for good.

    Attributes:
        status: HTTP status of the last answer, or None where there was no answer. 403, 404 and
            410 are what providers answer to an address that has expired.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Failure(Exception):  # noqa: N818 (no error while attempts are left)
    """One attempt that failed; never leaves this package.

    Attributes:
        reason: What went wrong, in words that follow the server's name.
        status: HTTP status of the answer, or None.
        passing: Whether another attempt may succeed.
        retry_after_s: Seconds that the server asks to wait, or None.
        url: The address that was asked; whoever asked fills it in.
    """

    url = ""

    def __init__(
        self,
        reason: str,
        *,
        status: int | None = None,
        passing: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.passing = passing
        self.retry_after_s = retry_after_s

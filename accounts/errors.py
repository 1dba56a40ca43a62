"""The error every app's refusals derive from. slomo_site.errors turns it into an HTTP answer."""


class DomainError(Exception):
    """Something a person or program asked for cannot be done.

    Args:
        code: stable slug, for programs (`quota_exceeded`).
        message: a sentence for a person, naming the limit or the fix.

    A subclass sets `status`, the HTTP status that fits.
    """

    status = 400

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return self.message


class TooManyTokens(DomainError):
    """The member has as many API tokens as one may have."""

    status = 409

    def __init__(self, limit: int) -> None:
        super().__init__(
            "too_many_tokens",
            f"You have {limit} tokens, the most one member may have. Revoke one first.",
        )

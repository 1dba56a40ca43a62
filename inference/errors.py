"""What the conversions app refuses; slomo_site maps these to HTTP once."""

from accounts.errors import DomainError


class ConversionRefused(DomainError):
    """The conversion asked for does not fit the video, the formats or the limits."""


class ConversionBusy(DomainError):
    """The conversion is in a state in which this cannot be done."""

    status = 409

"""Our choices where allauth asks for them."""

import logging
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.internal.ratelimit import get_ip
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

logger = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # untyped
    """E-mail sign-in in which a stranger can't lock a member out."""

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        # allauth counts failures per account, wherever they come from: five wrong guesses every
        # five minutes would keep a member out for good. Counted per account and address, they
        # keep out only whoever is guessing, whom the limit per address slows down as well.
        account = super()._get_login_attempts_cache_key(request, **credentials)
        # All of an IPv6 network is one visitor: whoever has one address of it has them all.
        return f"{account}@{get_ip(request)}"

    def get_client_ip(self, request: HttpRequest) -> str:
        """The visitor's address, whom the rate limits count.

        A request that came past fewer proxies than `SLOMO_TRUSTED_PROXIES` names nobody who can be
        believed; it counts for whoever connected. allauth alone would answer 500.
        """
        try:
            return str(super().get_client_ip(request))
        except ImproperlyConfigured:
            logger.warning("Fewer addresses in X-Forwarded-For than SLOMO_TRUSTED_PROXIES")
            return str(request.META["REMOTE_ADDR"])

"""Our choices where allauth asks for them."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.internal.ratelimit import get_ip
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # untyped
    """E-mail sign-in in which a stranger can't lock a member out."""

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        # allauth counts failures per account, wherever they come from: five wrong guesses every
        # five minutes would keep a member out for good. Counted per account and address, they
        # keep out only whoever is guessing, whom the limit per address slows down as well.
        account = super()._get_login_attempts_cache_key(request, **credentials)
        # All of an IPv6 network is one visitor: whoever has one address of it has them all.
        return f"{account}@{get_ip(request)}"

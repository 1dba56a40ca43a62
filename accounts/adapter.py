"""Our choices where allauth asks for them."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # untyped
    """E-mail sign-in in which a stranger can't lock a member out."""

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        # allauth counts failures per account, wherever they come from: five wrong guesses every
        # five minutes would keep a member out for good. Counted per account and address, they
        # keep out only whoever is guessing, whom the limit per address slows down as well.
        account = super()._get_login_attempts_cache_key(request, **credentials)
        return f"{account}@{self.get_client_ip(request)}"

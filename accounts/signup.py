"""Signing up. Apart from the other forms, of which allauth imports one for the base of this."""

from typing import Any

from allauth.account.forms import SignupForm as AllauthSignupForm
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.shortcuts import redirect


class SignupForm(AllauthSignupForm):  # type: ignore[misc]  # untyped
    """Allauth's, to which a second click is no failure of ours."""

    def try_save(self, request: HttpRequest) -> Any:
        """Makes the member, all or nothing; returns them, or None with where to go instead.

        That is when the same form was sent twice at once: the other made the account after this
        one had been checked.
        """
        try:
            with transaction.atomic():
                return super().try_save(request)
        except IntegrityError:
            messages.info(request, "Your account has been made. Sign in with your password.")
            return None, redirect("account_login")

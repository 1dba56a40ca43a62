"""Forms on the account pages. allauth brings those for signing in and for passwords."""

from datetime import timedelta
from typing import Any

from allauth.account.adapter import get_adapter
from django import forms
from django.http import HttpRequest

from accounts import services
from accounts.models import ApiToken, User

LIFETIMES = {
    "7": "7 days",
    "30": "30 days",
    "90": "90 days",
    "365": "1 year",
    "never": "Never",
}


class NameForm(forms.Form):
    """What a member is called. allauth builds its sign-up form on this one."""

    field_order = ("email", "name", "password1")

    name = forms.CharField(
        max_length=150,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        help_text="Without it, pages show your email address.",
    )

    def signup(self, request: HttpRequest, user: User) -> None:
        """allauth calls this with the new member."""
        services.user_rename(user=user, name=self.cleaned_data["name"])


class TokenForm(forms.Form):
    """Asks for a new API token."""

    name = forms.CharField(
        max_length=100,
        help_text="What will use it, so that you know later which one to revoke.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scope = forms.ChoiceField(
        choices=ApiToken.Scope.choices,
        label="May",
        help_text="A token that only reads can list and download. One that writes can also "
        "upload, convert and delete.",
    )
    lifetime = forms.ChoiceField(choices=LIFETIMES.items(), initial="90", label="Expires after")

    def clean_lifetime(self) -> timedelta | None:
        days: str = self.cleaned_data["lifetime"]
        return timedelta(days=int(days)) if days.isdigit() else None


class DeleteAccountForm(forms.Form):
    """Confirms, with the password, that an account is to be deleted."""

    password = forms.CharField(
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text="To be sure that it is you.",
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        # Through allauth, so that guesses here count like guesses at the sign-in.
        if not get_adapter().reauthenticate(self.user, password):
            raise forms.ValidationError("That is not your password.", code="wrong_password")
        return password

"""Reactions to what happens in allauth."""

from typing import Any

from allauth.account.signals import password_reset
from django.dispatch import receiver

from accounts import services
from accounts.models import User


@receiver(password_reset)
def tokens_end_with_the_old_password(user: User, **_: Any) -> None:
    """Whoever resets a password may be taking the account back from someone who made tokens."""
    services.tokens_revoke(user=user)

"""Everything that changes members and their tokens."""

import secrets
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.errors import TooManyTokens
from accounts.models import TOKEN_PREFIX, ApiToken, User

MAX_TOKENS = 20

# Precise enough to see a token in use, seldom enough that polling does not write to the database.
LAST_USED_STEP = timedelta(minutes=1)


def user_rename(*, user: User, name: str) -> None:
    """Sets what the member is called on pages; "" goes back to the e-mail address."""
    user.name = name
    user.save(update_fields=["name"])


@transaction.atomic
def user_delete(*, user: User) -> None:
    """Deletes the member with everything that belongs to them."""
    user_lock(pk=user.pk)
    user.delete()


def user_lock(*, pk: UUID) -> User | None:
    """Has changes to what a member owns take turns, until the transaction ends.

    A deletion first collects all that goes with a row; what is added after that, and is committed
    sooner, would make it fail. And a limit counts what others are just adding.

    Returns the member as they are now, None where they are gone.
    """
    return User.objects.select_for_update().filter(pk=pk).first()


@transaction.atomic
def token_create(
    *, user: User, name: str, scope: str, lifetime: timedelta | None
) -> tuple[ApiToken, str]:
    """Makes a token for `user` that ends after `lifetime` (None: never).

    Returns the token and its secret, which is kept nowhere and can't be read again.
    Raises TooManyTokens at the limit.
    """
    user_lock(pk=user.pk)
    if user.api_tokens.count() >= MAX_TOKENS:
        raise TooManyTokens(MAX_TOKENS)
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user,
        name=name,
        scope=scope,
        digest=ApiToken.digest_of(secret),
        expires_at=None if lifetime is None else timezone.now() + lifetime,
    )
    return token, secret


def token_used(*, token: ApiToken) -> None:
    """Notes that the token was used now, at most once a minute."""
    now = timezone.now()
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - LAST_USED_STEP)
    ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)


def tokens_revoke(*, user: User) -> None:
    """Ends every token of the member at once."""
    user.api_tokens.all().delete()


def token_revoke(*, token: ApiToken) -> None:
    """Ends the token at once."""
    token.delete()

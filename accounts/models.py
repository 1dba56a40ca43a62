"""The member and the tokens of a member's programs."""

import hashlib
import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.fields import LowercaseEmailField

DEFAULT_STORAGE_QUOTA = 20 * 1024**3  # bytes
TOKEN_PREFIX = "slomo_"


class UserManager(BaseUserManager["User"]):
    """Makes members by email address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A new member; without a password the account can be entered only by resetting it."""
        user = self.model(email=email, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A new member who may do everything in the site admin."""
        return self.create_user(
            email, password, **{"is_staff": True, "is_superuser": True, **fields}
        )


class User(AbstractBaseUser, PermissionsMixin):
    """A member, known by email address."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = LowercaseEmailField(
        "email address",
        unique=True,
        error_messages={"unique": "There is already an account with this email address."},
    )
    name = models.CharField(max_length=150, blank=True)
    storage_quota = models.PositiveBigIntegerField(
        default=DEFAULT_STORAGE_QUOTA, help_text="Bytes this member's videos may take together."
    )
    is_staff = models.BooleanField(
        "staff", default=False, help_text="May open the site admin and review conversions."
    )
    is_active = models.BooleanField(
        "active", default=True, help_text="Untick instead of deleting to keep someone out."
    )
    date_joined = models.DateTimeField(default=timezone.now, editable=False)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    class Meta:
        verbose_name = "member"
        ordering = ("email",)

    def __str__(self) -> str:
        return self.get_full_name()

    def get_full_name(self) -> str:
        """What this member is called on pages: the name, else the address."""
        return self.name or self.email

    def get_short_name(self) -> str:
        return self.get_full_name()


class ApiTokenQuerySet(QuerySet["ApiToken", "ApiToken"]):
    """Sets of API tokens."""

    def usable(self) -> "ApiTokenQuerySet":
        """Tokens that open the API now: not expired, of an active member."""
        unexpired = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
        return self.filter(unexpired, user__is_active=True)

    def with_secret(self, secret: str) -> "ApiTokenQuerySet":
        """The one token whose secret this is, or none."""
        return self.filter(digest=ApiToken.digest_of(secret))


class ApiToken(models.Model):
    """Lets a program act for a member.

    Only a digest of the secret is kept. A plain SHA-256 is enough for that: the secret is 256
    random bits, which no one can guess through, unlike a password.
    """

    class Scope(models.TextChoices):
        READ = "read", "Read only"
        WRITE = "write", "Read and write"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    scope = models.CharField(max_length=10, choices=Scope.choices, default=Scope.READ)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.name

    @staticmethod
    def digest_of(secret: str) -> str:
        """What is kept of `secret`: SHA-256 as 64 hex digits."""
        return hashlib.sha256(secret.encode()).hexdigest()

    @property
    def expired(self) -> bool:
        """Whether the token's time is over."""
        return self.expires_at is not None and self.expires_at <= timezone.now()

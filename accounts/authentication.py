"""How a program signs in to the API."""

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts import services
from accounts.models import ApiToken, User


class TokenAuthentication(BaseAuthentication):
    """Reads `Authorization: Bearer slomo_…`; `request.auth` is then the ApiToken."""

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """The token's member; None where another kind of sign-in is used.

        Raises AuthenticationFailed (401) for a token that is unknown, expired or revoked.
        """
        keyword, _, secret = get_authorization_header(request).partition(b" ")
        if keyword.lower() != self.keyword.lower().encode():
            return None
        tokens = ApiToken.objects.with_secret(secret.strip().decode("latin-1"))
        token = tokens.usable().select_related("user").first()
        if token is None:
            raise AuthenticationFailed(
                "This token is unknown, expired or revoked. Make a new one on your account page.",
                code="invalid_token",
            )
        services.token_used(token=token)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return self.keyword

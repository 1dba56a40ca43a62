"""What a token may do in the API."""

from typing import TYPE_CHECKING

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.models import ApiToken

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which itself imports this module


class TokenScope(BasePermission):
    """A token of scope `read` may only look. A signed-in member is not limited."""

    code = "read_only_token"
    message = "This token may only read. Make one that may write on your account page."

    def has_permission(self, request: Request, view: "APIView") -> bool:
        token = request.auth
        if not isinstance(token, ApiToken) or request.method in SAFE_METHODS:
            return True
        return token.scope == ApiToken.Scope.WRITE

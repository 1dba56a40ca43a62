"""Pages on which a member manages tokens or leaves. allauth has those for signing in."""

from uuid import UUID

from allauth.decorators import rate_limit
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import services
from accounts.errors import TooManyTokens
from accounts.forms import DeleteAccountForm, TokenForm
from accounts.models import User


class MemberRequest(HttpRequest):
    """What a view behind `login_required` gets."""

    user: User


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@rate_limit(action="make_token")  # type: ignore[untyped-decorator]
def tokens(request: MemberRequest) -> HttpResponse:
    """Lists the member's tokens and makes new ones; a new secret is shown in this answer only."""
    form = TokenForm(request.POST or None)
    secret = None
    if request.method == "POST" and form.is_valid():
        try:
            _, secret = services.token_create(user=request.user, **form.cleaned_data)
            form = TokenForm()
        except TooManyTokens as error:
            form.add_error(None, error.message)
    context = {"form": form, "secret": secret, "tokens": request.user.api_tokens.all()}
    return render(request, "accounts/tokens.html", context)


@login_required
@require_POST
def token_revoke(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Ends one of the member's tokens."""
    token = get_object_or_404(request.user.api_tokens, pk=pk)
    services.token_revoke(token=token)
    messages.success(request, f"The token “{token.name}” no longer works.")
    return redirect("account-tokens")


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def account_delete(request: MemberRequest) -> HttpResponse:
    """Asks for the password, then deletes the account with all its videos."""
    form = DeleteAccountForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        services.user_delete(user=request.user)
        logout(request)
        messages.success(request, "Your account and everything in it has been deleted.")
        return redirect("home")
    return render(request, "accounts/delete.html", {"form": form})

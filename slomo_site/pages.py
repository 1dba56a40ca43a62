"""Pages that belong to the site as a whole or draw on several apps."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts import services
from accounts.forms import NameForm
from accounts.views import MemberRequest
from videos.selectors import room_of


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What Slomo is, to a visitor; a member goes straight to the library."""
    if request.user.is_authenticated:
        return redirect("library")
    return render(request, "landing.html")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: MemberRequest) -> HttpResponse:
    """The member's name, address, password and storage."""
    user = request.user
    form = NameForm(request.POST or None, initial={"name": user.name})
    if request.method == "POST" and form.is_valid():
        services.user_rename(user=user, name=form.cleaned_data["name"])
        messages.success(request, "Your name is saved.")
        return redirect("account")
    return render(request, "accounts/account.html", {"form": form, "room": room_of(user)})

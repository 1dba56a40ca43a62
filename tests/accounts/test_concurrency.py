"""Limits hold when they are reached from several sides at once."""

from functools import partial

import pytest
from django.test import Client

from accounts import services
from accounts.errors import TooManyTokens
from accounts.models import ApiToken, User
from tests.conftest import PASSWORD
from tests.parallel import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_tokens_made_at_once_do_not_pass_the_limit(member: User) -> None:
    make = partial(
        services.token_create, user=member, name="CI", scope=ApiToken.Scope.READ, lifetime=None
    )
    for _ in range(services.MAX_TOKENS - 1):
        make()
    outcomes = at_once(*[make] * 6)
    assert sum(isinstance(outcome, TooManyTokens) for outcome in outcomes) == 5
    assert member.api_tokens.count() == services.MAX_TOKENS


def test_sign_ups_at_once_with_one_address_make_one_member() -> None:
    form = {"email": "new@example.com", "name": "", "password1": PASSWORD}
    answers = at_once(*[lambda: Client().post("/account/signup/", form)] * 4)
    # 200 is the form again, which says that there is an account by now.
    assert {getattr(answer, "status_code", answer) for answer in answers} <= {200, 302}
    assert User.objects.get().emailaddress_set.count() == 1

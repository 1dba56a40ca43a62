"""Who may do what at which address: one row for each address of the site.

A new address needs a row here, or `test_access_matrix.py` fails: decide who may use it, and with
which methods. HEAD goes with GET. Rows are keyed by the name of the address (by its route where it
has none); a row of the admin site may stand for all pages of one model with a `*`.

The askers: `visitor` is not signed in, `owner` is the member to whom everything belongs, `rival`
another member, `closed` a member with an open session whose account was closed since, `staff` a
reviewer without further rights, `superuser` may do all in the admin. `read`, `write`, `expired` and
`revoked` are tokens of the owner, `rival_token` is one of the rival that may write.
"""

from dataclasses import dataclass, field
from enum import StrEnum

MEMBERS = ("owner", "rival", "staff", "superuser")
TOKENS = ("read", "write", "expired", "revoked", "rival_token")
ASKERS = ("visitor", "closed", *MEMBERS, *TOKENS)
SAFE = ("GET", "HEAD", "OPTIONS")
METHODS = (*SAFE, "POST", "PUT", "PATCH", "DELETE")


class Answer(StrEnum):
    """What an asker is told. The first is everything from 200 to a form that is filled in wrong."""

    WORKS = "works"
    SIGN_IN = "sign in"
    UNAUTHENTICATED = "401"
    FORBIDDEN = "403"
    NOTHING_HERE = "404"
    NOT_ALLOWED = "405"


@dataclass(frozen=True)
class Row:
    """One address: the methods it knows, what of the owner's it is about ("" for nothing), and
    headers without which it does not even look."""

    methods: str
    of: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def knows(self, method: str) -> bool:
        """Whether the address does anything for this method."""
        return ("GET" if method == "HEAD" else method) in self.methods.split()

    def answer(self, asker: str, method: str) -> Answer:
        """What `asker` is told; this one is for addresses open to everybody."""
        return Answer.WORKS if self.knows(method) else Answer.NOT_ALLOWED


class Open(Row):
    """Anyone may; a token means nothing here."""


@dataclass(frozen=True)
class Sorted(Row):
    """Something else for those who are not signed in, for members and for staff."""

    methods: str = ""
    visitors: Row | Answer = Answer.WORKS
    members: Row | Answer = Answer.WORKS
    staff: Row | Answer = Answer.WORKS

    def answer(self, asker: str, method: str) -> Answer:
        kind = self.visitors
        if asker in MEMBERS:
            kind = self.members if asker in ("owner", "rival") else self.staff
        return kind if isinstance(kind, Answer) else kind.answer(asker, method)


class Members(Row):
    """A page for whoever is signed in. Tokens open no page."""

    def answer(self, asker: str, method: str) -> Answer:
        return super().answer(asker, method) if asker in MEMBERS else Answer.SIGN_IN


class Own(Row):
    """A page about one thing of the owner's; nobody else learns that it exists."""

    def answer(self, asker: str, method: str) -> Answer:
        if asker not in MEMBERS:
            return Answer.SIGN_IN
        known = super().answer(asker, method)
        return Answer.NOTHING_HERE if known is Answer.WORKS and asker != "owner" else known


class Media(Row):
    """Bytes of the owner's. Even a visitor gets a 404: a player can't follow to a sign-in."""

    def answer(self, asker: str, method: str) -> Answer:
        known = super().answer(asker, method)
        return Answer.NOTHING_HERE if known is Answer.WORKS and asker != "owner" else known


class Api(Row):
    """For programs with a token, and for our own pages' scripts. OPTIONS describes the address."""

    def answer(self, asker: str, method: str) -> Answer:
        if asker in ("visitor", "closed", "expired", "revoked"):
            return Answer.UNAUTHENTICATED
        if asker == "read" and method not in SAFE:
            return Answer.FORBIDDEN
        return Answer.WORKS if method == "OPTIONS" else super().answer(asker, method)


class ApiOwn(Api):
    """One thing of the owner's, for programs; for others' it does not exist."""

    def answer(self, asker: str, method: str) -> Answer:
        known = super().answer(asker, method)
        if known is Answer.WORKS and asker not in ("owner", "read", "write"):
            return Answer.WORKS if method == "OPTIONS" else Answer.NOTHING_HERE
        return known


class ApiOpen(Row):
    """Anyone may, but a token that is sent along has to be good."""

    def answer(self, asker: str, method: str) -> Answer:
        if asker in ("expired", "revoked"):
            return Answer.UNAUTHENTICATED
        return super().answer(asker, method)


@dataclass(frozen=True)
class Staff(Row):
    """A page of the admin site for all staff. Everyone else is sent to the admin's sign-in."""

    refused: str = ""  # methods that answer 403 even to them

    def answer(self, asker: str, method: str) -> Answer:
        if asker not in ("staff", "superuser"):
            return Answer.SIGN_IN
        refused = ("GET" if method == "HEAD" else method) in self.refused.split()
        return Answer.FORBIDDEN if refused else Row.answer(self, asker, method)


@dataclass(frozen=True)
class Superusers(Row):
    """Rows of the database in the admin site: staff need rights of their own for each kind. These
    pages answer 403 to what nobody may do."""

    staff: Answer = Answer.FORBIDDEN

    def answer(self, asker: str, method: str) -> Answer:
        if asker == "staff":
            return self.staff
        if asker == "superuser":
            return Answer.WORKS if self.knows(method) else Answer.FORBIDDEN
        return Answer.SIGN_IN


class Hidden(Row):
    """Staff may; for everyone else there is nothing."""

    def answer(self, asker: str, method: str) -> Answer:
        known = super().answer(asker, method)
        if known is Answer.WORKS and asker not in ("staff", "superuser"):
            return Answer.NOTHING_HERE
        return known


FORM = "GET POST PUT OPTIONS"  # of allauth: Django's form views take PUT for POST
TUS = {
    "tus-resumable": "1.0.0",
    "upload-offset": "0",
    "content-type": "application/offset+octet-stream",
}
ANY = " ".join(METHODS)  # views that do not look at the method
ANY_BUT_POST = ANY.replace(" POST", "")

NO_PAGE = Sorted(
    visitors=Answer.SIGN_IN, members=Answer.SIGN_IN, staff=Answer.NOTHING_HERE
)  # of the admin

TABLE: dict[str, Row] = {
    "home": Open("GET"),
    "favicon.ico": Open(ANY),
    "healthz": Open("GET"),
    "readyz": Open("GET"),
    "metrics": Hidden("GET"),
    # The library
    "library": Members("GET"),
    "video-upload": Members("GET POST"),
    "video": Own("GET", of="video"),
    "video-edit": Own("GET POST", of="video"),
    "video-delete": Own("GET POST", of="video"),
    "video-file": Media("GET", of="video"),
    "video-poster": Media("GET", of="video"),
    # Conversions
    "conversion-create": Own("POST", of="video"),
    "conversion-estimate": ApiOwn("GET", of="video"),
    "conversion": Own("GET", of="conversion"),
    "conversion-status": ApiOwn("GET", of="conversion"),
    "conversion-cancel": Own("POST", of="conversion"),
    "conversion-retry": Own("POST", of="conversion"),
    "conversion-delete": Own("GET POST", of="conversion"),
    "conversion-file": Media("GET", of="conversion"),
    "conversion-map": Media("GET", of="conversion"),
    "conversion-vtt": Media("GET", of="conversion"),
    "conversion-comparison": Media("GET", of="conversion"),
    "conversion-preview": Media("GET", of="conversion"),
    # The account
    "account": Members("GET POST"),
    "account-tokens": Members("GET POST"),
    "token-revoke": Own("POST", of="token"),
    "account-delete": Members("GET POST"),
    "account_email": Members(FORM),
    "account_change_password": Members(FORM),
    "account_set_password": Members(ANY),  # sends on all who have a password
    "account_reauthenticate": Members(FORM),
    # The way in and out
    "account_login": Sorted(visitors=Open(FORM)),
    "account_logout": Open("GET POST OPTIONS"),
    "account_signup": Sorted(visitors=Open(FORM)),
    "account_inactive": Open("GET OPTIONS"),
    "account_email_verification_sent": Open("GET OPTIONS"),
    "account_confirm_email": Open("GET POST OPTIONS"),
    "account_confirm_login_code": Open(ANY),  # there are no codes: sent on to the sign-in
    "account_reset_password": Open(FORM),
    "account_reset_password_done": Open("GET OPTIONS"),
    "account_reset_password_from_key": Open(ANY),
    "account_reset_password_from_key_done": Open("GET OPTIONS"),
    # For programs
    "api-schema": ApiOpen("GET OPTIONS"),
    "api-docs": ApiOpen("GET OPTIONS"),
    "api-video-list": Api("GET POST"),
    "api-video-detail": ApiOwn("GET PATCH DELETE", of="video"),
    "api-video-file": ApiOwn("GET", of="video"),
    "api-conversion-list": Api("GET POST"),
    "api-conversion-estimate": Api("POST"),
    "api-conversion-detail": ApiOwn("GET DELETE", of="conversion"),
    "api-conversion-cancel": ApiOwn("POST", of="conversion"),
    "api-conversion-file": ApiOwn("GET", of="conversion"),
    "api-conversion-frame-map": ApiOwn("GET", of="conversion"),
    "api-conversion-quality": ApiOwn("GET", of="conversion"),
    "api-upload-list": Api("GET POST", headers=TUS),
    "api-upload-detail": ApiOwn("GET PATCH DELETE", of="upload", headers=TUS),
    # The admin site
    "admin-status": Staff("GET"),
    "admin:index": Staff(ANY),
    "admin:app_list": Superusers(ANY, staff=Answer.NOTHING_HERE),
    "admin:login": Sorted(visitors=Answer.SIGN_IN, members=Answer.FORBIDDEN, staff=Open(FORM)),
    "admin:logout": Sorted(staff=Open("POST OPTIONS")),
    "admin:password_change": Staff(FORM),
    "admin:password_change_done": Staff("GET OPTIONS"),
    "admin:autocomplete": Staff("OPTIONS", refused="GET"),  # no form of ours completes anything
    "admin:jsi18n": Staff("GET OPTIONS"),
    "admin:view_on_site": NO_PAGE,
    "admin/(*": NO_PAGE,
    "admin/*": Staff(ANY),  # sent on to the page of a row
    "admin:inference_conversion_review": Staff("GET"),
    "admin:inference_conversion_review_detail": Staff("GET POST", of="conversion"),
    "admin:inference_conversion_review_*": Staff("GET", of="conversion"),
    "admin:inference_conversion_add": Superusers(""),
    "admin:inference_conversion_change": Superusers(ANY_BUT_POST, of="conversion"),
    "admin:inference_conversion_*": Superusers(ANY, of="conversion"),
    "admin:videos_video_add": Superusers(""),
    "admin:videos_video_*": Superusers(ANY, of="video"),
    "admin:videos_tag_*": Superusers(ANY, of="tag"),
    "admin:auth_group_*": Superusers(ANY, of="group"),
    "admin:auth_user_password_change": Superusers(ANY, of="user"),
    "admin:accounts_user_*": Superusers(ANY, of="user"),
    "admin:accounts_apitoken_add": Superusers(""),
    "admin:accounts_apitoken_*": Superusers(ANY, of="token"),
    "admin:account_emailaddress_*": Superusers(ANY, of="address"),
}

"""The bodies of requests while they are still on their way."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

# A sender that is silent for so long is taken for lost: it must not keep others from going on.
STALL_SECONDS = 30

# Of a body that nobody wanted, so much is read all the same. More than the piece that the upload
# page sends.
DRAINED_BYTES = 65 << 20
READ_SIZE = 1 << 20


def limit_waiting(request: HttpRequest) -> None:
    """Ends reads that wait too long, where the web server lets us (gunicorn does)."""
    socket = request.META.get("gunicorn.socket")
    if socket is not None:
        socket.settimeout(STALL_SECONDS)


class DrainMiddleware:
    """Reads what is left of a request before it is answered, and forgets it.

    A sender that is cut off while it sends sees a broken connection, and behind nginx a 502,
    instead of the reason why the request was refused.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.headers.get("Content-Length", "0") != "0":
            _drain(request)
        return response


def _drain(request: HttpRequest) -> None:
    limit_waiting(request)
    left = DRAINED_BYTES
    try:
        while left > 0 and (data := request.read(READ_SIZE)):
            left -= len(data)
    except OSError:  # the sender is gone
        return

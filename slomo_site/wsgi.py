"""The WSGI application. WSGI, not ASGI: an upload that breaks off keeps what had arrived."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "slomo_site.settings")

application = get_wsgi_application()

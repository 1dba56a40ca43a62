"""The page on which a person can read the API and try it out."""

from csp.decorators import csp_update
from drf_spectacular.views import SpectacularSwaggerSplitView

# Split: its script comes from an address of its own, so that the page holds none inline.
api_docs = csp_update({"connect-src": ["'self'"]})(
    SpectacularSwaggerSplitView.as_view(
        url_name="api-schema", template_name="api_docs.html", permission_classes=[]
    )
)

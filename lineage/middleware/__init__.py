"""The context of a web request, for every query made while it is answered."""

from lineage.middleware.asgi import ASGIMiddleware
from lineage.middleware.wsgi import WSGIMiddleware

__all__ = ["ASGIMiddleware", "WSGIMiddleware"]

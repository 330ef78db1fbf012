"""Doors to language models that see, or only read. Knows how to ask, not what."""

from bopask.models.ask import Answer, Asker, ModelError, Request
from bopask.models.endpoint import ChatEndpoint, EndpointError

__all__ = ["Answer", "Asker", "ChatEndpoint", "EndpointError", "ModelError", "Request"]

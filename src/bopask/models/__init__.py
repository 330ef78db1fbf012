"""Doors to vision-language models. Knows how to ask, not what."""

from bopask.models.endpoint import ChatEndpoint, EndpointError

__all__ = ["ChatEndpoint", "EndpointError"]

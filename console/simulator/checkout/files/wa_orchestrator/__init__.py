"""WhatsApp booking assistant: what a customer writes becomes a reservation in the restaurant's agenda."""

__version__ = "1.19.0"

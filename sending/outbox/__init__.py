"""Messages on their way: frozen, claimed, delivered, and what became of them."""

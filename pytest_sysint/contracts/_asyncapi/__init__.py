"""What the form `asyncapi` is made of: reading documents of both generations, and judging messages by them."""

"""The forms of a flow, one module each, and what they are made of."""

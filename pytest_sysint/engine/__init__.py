"""From a plan to results: which check may run when, on what, how often, and what is recorded of it."""

"""Requests made from a document (OpenAPI, GraphQL) by schemathesis, sent through the integration's own client.

What stands here without a leading note imports schemathesis and Hypothesis at its top: it is imported by the running
check, never when a declaration is read. `options`, `document` and `sending` do without.
"""

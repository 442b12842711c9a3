"""Pact documents: read here, verified by the Pact Foundation's own verifier, which reaches the provider through us.

The verifier is native code that prints what it sees, follows the environment's proxies and reports its use to its
makers unless told otherwise. So it runs in a child process of its own, whose environment and output are ours to say.
"""

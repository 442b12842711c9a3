"""What can be broken in the simulator of PDS, beside what every simulator has."""

from __future__ import annotations

FAULTS = {
    "accepts_any_request_id": "does not look at the value of X-Request-ID",
    "accepts_invalid_number": "answers 404, not 400, for a number with a wrong check digit",
    "accepts_missing_request_id": "does not ask for X-Request-ID",
    "any_token_accepted": "believes every token",
    "etag_mismatch": "the ETag is not the version of the resource",
    "expired_accepted": "believes an assertion that has expired",
    "expires_in_missing": "does not say how long a token lives",
    "many_results_allowed": "lets an application-restricted search ask for many results",
    "no_mirror": "does not send X-Request-ID and X-Correlation-ID back",
    "no_precondition": "changes a patient without If-Match",
    "no_retry_after": "503 without Retry-After",
    "open_without_token": "asks for no token",
    "plain_errors": "errors are not OperationOutcomes",
    "related_of_another": "the related people are those of another patient",
    "replay_accepted": "believes an assertion twice",
    "restricted_leaks_address": "shows where a restricted patient lives",
    "spine_down": "/_status says that Spine does not answer",
    "stale_accepted": "changes a patient although If-Match names an old version",
    "superseded_not_told": "answers a superseded number as if it were current",
    "throttled_in_plain_text": "429 without an OperationOutcome",
    "too_many_as_bundle": "answers a search that fits too many with the first of them",
    "unknown_key_accepted": "believes an assertion whose key nobody knows",
    "unordered": "the results of a search are not ordered by score",
    "updates_open": "lets an application-restricted client change a patient",
    "wrong_identifier_system": "the NHS number has another system",
    "wrong_media_type": "a patient is application/json",
    "wrong_total": "the total of a search is one too many",
}

"""What can be broken in the simulator of the CQC API, beside what every simulator has."""

from __future__ import annotations

FAULTS = {
    "any_key_accepted": "takes every subscription key",
    "bad_ids": "ids in lists are not those of locations",
    "beds_as_text": "numberOfBeds is a text",
    "changes_as_objects": "changes are objects, not plain ids: allowed, and seen in the wild",
    "changes_gap": "a change at the very begin of a window is in no window",
    "changes_malformed": "changes are neither ids nor objects with one",
    "contact_in_name": "the name of a contact stands in the name of the location",
    "duplicate_page": "each page but the first begins with the last of the page before",
    "endless_pages": "the last page has a next one",
    "key_echoed": "a refusal repeats the key",
    "lost_item": "each page but the first lacks its first item",
    "new_rating": "a rating that nobody has seen before",
    "no_changes_as_404": "a window without changes is a 404: allowed, and seen in the wild",
    "no_retry_after": "429 without Retry-After",
    "open_without_key": "asks for no key",
    "orphaned_location": "providers do not name their locations",
    "primary_refused": "the primary key is not known any more",
    "secondary_refused": "the secondary key is not known",
    "unexplained_401": "a refusal does not say why",
    "wrong_location": "answers with another location than the one asked for",
    "wrong_total": "the total is one too many",
    "wrong_total_pages": "totalPages is one too many",
}

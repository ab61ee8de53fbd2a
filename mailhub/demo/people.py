"""Who can sign in to the demo: with a password one can remember, because it listens on loopback only."""

ORGANIZATION = "Acme"
PASSWORD = "mailhub-demo"
# E-mail address, name, language; the first founds the organization.
PEOPLE = (
    ("alice@acme.example", "Alice Hartono", "en"),
    ("bob@acme.example", "Bob Santoso", "id"),
)
# Support staff: sees /support/, belongs to no organization.
STAFF = ("support@mailhub.example", "Support")


def log_ins() -> list[str]:
    """The lines `make run` prints."""
    (alice, *_), (bob, *_) = PEOPLE
    rows = [(alice, "owner of Acme"), (bob, "member"), (STAFF[0], "support staff, at /support/")]
    return [f"  {email:<26} {PASSWORD:<14} {role}" for email, role in rows]

"""Who can sign in to the demo. The instance listens on loopback only, so a password one can remember is right."""

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
    rows = [(PEOPLE[0][0], "owner of Acme"), (PEOPLE[1][0], "member"), (STAFF[0], "support staff, at /support/")]
    return [f"  {email:<26} {PASSWORD:<14} {role}" for email, role in rows]

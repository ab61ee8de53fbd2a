"""The faults a mail collector must survive, and what Mailhub does about each; tests carry the ids (test_c17_…)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_IDS = re.compile(r"test_((?:[acumrs][0-9]+_)+)")

OAUTH = "Signing in by OAuth is not built yet: passwords only."


@dataclass(frozen=True, slots=True)
class Fault:
    """One row. `later` says why it concerns nothing that is built yet; such a row needs no test."""

    id: str
    fault: str
    answer: str
    later: str = ""


def ids_of(test: str) -> list[str]:
    """The faults that a test's name says it proves: test_u14_r7_refused → U14, R7."""
    found = _IDS.match(test)
    return found[1].upper().strip("_").split("_") if found else []


# fmt: off
CONNECTING = (
    ("C1", "A server takes the connection and never greets.",
     "The session ends after 30 seconds and is tried again later; the account is free again at once."),
    ("C2", "A byte now and then, for ever.",
     "A reply must bring a least number of bytes a minute and the whole session has an end; silence alone is not"
     " what counts. Opening, listing and tidying a mailbox may begin after four minutes of silence, and a large"
     " message that comes fast enough may outlast the session."),
    ("C3", "The greeting is a refusal, whatever it says.",
     "Temporary, and never about the password, which is not sent."),
    ("C4", "Something that is no POP3 server answers.",
     "Said so, and not one byte of it is shown: it may be a service of an inner network."),
    ("C5", "The certificate is out of date, made by nobody known, for another name, or its chain has a gap.",
     "The session ends before the user name is sent, with the reason; there is no way around it for one account."),
    ("C6", "STARTTLS is chosen, and the server does not offer or refuses it.",
     "The session ends; neither name nor password goes out."),
    ("C7", "Plain text is slipped in behind the answer to STLS.",
     "The session ends. What was said before the handshake counts for nothing and is asked again inside."),
    ("C8", "The server knows only old TLS.",
     "Refused with a sentence that says so; nothing older than TLS 1.2, and no way down to it."),
    ("C9", "CAPA is unknown.", "The basic commands do, one by one; UIDL is simply tried."),
    ("C10", "CAPA says something else once signed in.",
     "It is asked again after TLS and after signing in; the last counts."),
    ("C11", "CAPA has no end.",
     "At most 64 lines are read, then the session ends. Where only the final dot is missing it goes on, as with a"
     " server without CAPA."),
    ("C12", "The first of several addresses is dead.",
     "Each address gets its share of one common time limit; the next one is tried."),
    ("C13", "A name leads to an address that is not of the public internet, or does so from the second look on.",
     "Refused in the words of a server that is down. Every address is checked at every connect, and only those"
     " that were checked are connected to; operators may deny networks of their own."),
    ("C14", "A line without end.", "At most 64 KiB of a line are held; then the session ends."),
    ("C15", "Lines end with LF alone, also around a lone dot within a message.",
     "Only CRLF . CRLF ends a message. A body that never ends so ends at the session's limits instead."),
    ("C16", "Replies arrive byte by byte, or many in one piece.", "The result is the same."),
    ("C17", "The line drops, at any step.",
     "What was stored is kept, what was not is fetched in the next session, and deletes are finished then. A line"
     " that brought something before it dropped is no step towards giving up; one that dropped while commands came"
     " in a row is asked one at a time for a day."),
    ("C18", "The server hangs up at the password instead of answering.",
     "A suspicion: tried again ever less often, forgotten at the first success, and counted like a refusal"
     " otherwise."),
    ("C19", "The server gives up on us while we are busy storing.",
     "Reading and storing are apart: what was read is stored all the same, and deletes wait for the next"
     " session."),
    ("C20", "A line break or NUL in a user name, password or server name.",
     "Refused in the form, and once more before anything is sent."),
    ("C21", "SSL is chosen for a port that begins without encryption, or the other way round.",
     "Said, with the kind to choose. A silent server is asked for a handshake, in which nothing is said."),
)

SIGNING_IN = (
    ("A1", "The password is wrong, and the server says so by its code.",
     "Counted; after ten in a row, hours apart, the account waits for its owner, who gets one mail. A success or"
     " other settings begin the count anew."),
    ("A2", "The server is in trouble and refuses to sign in.",
     "Tried again later; it never counts against the password."),
    ("A3", "The server says that the account is closed for good.",
     "Not tried any more until its owner has looked; one mail says so."),
    ("A4", "Somebody else has the mailbox open, by code or in prose only.",
     "Tried again after two, five and ten minutes, for as long as it takes; the account's card says what is the"
     " matter."),
    ("A5", "The server wants a pause between two sessions.",
     "The next run comes no earlier, “Fetch now” included; after a refusal the card says when."),
    ("A6", "A refusal without a code.",
     "Known wordings are told apart. An unknown one is tried again, each time after twice as long, and stops the"
     " account only after ten in a row."),
    ("A7", "POP3 was switched off at the provider, which answers as to a wrong password.",
     "Treated as a wrong password; for providers that do this, both causes and the place of the switch are"
     " named."),
    ("A8", "A token must not come in the same line as AUTH.", "", OAUTH),
    ("A9", "A challenge begins with +OK, or has no space.", "Understood."),
    ("A10", "A bad token is answered by one more challenge.", "", OAUTH),
    ("A11", "A token runs out between two sessions or within one.", "", OAUTH),
    ("A12", "The provider gives a new refresh token each time.", "", OAUTH),
    ("A13", "The consent was taken back.", "", OAUTH),
    ("A14", "The provider's token service is down.", "", OAUTH),
    ("A15", "A password has other than ASCII characters.",
     "It goes where an encoding is agreed on (SASL PLAIN, or USER with UTF8); elsewhere a sentence says why it"
     " cannot. So do passwords longer than a line, which SASL carries."),
    ("A16", "A server does not say that it takes tokens, although it does.", "", OAUTH),
    ("A17", "One mailbox is connected twice, by one person or in two organizations.",
     "Both may, and are warned before deleting; the sessions never overlap. One's own second account for"
     " the same mailbox is refused by the form."),
    ("A18", "The first way to sign in is refused.",
     "One attempt a session. An answer that the way itself is unknown lets the next one be tried, one that speaks"
     " of the way lets one other be tried. Inside TLS the password comes first, then CRAM-MD5, and never APOP."),
)

LISTING = (
    ("U1", "The mailbox is empty once, and full again the next day.",
     "An empty listing changes nothing: nothing is fetched twice. Servers that refuse to list nothing are understood."),
    ("U2", "STAT is garbled.", "Nothing depends on it; what cannot be read counts as unknown."),
    ("U3", "The server cannot tell messages apart (no UIDL).",
     "Leaving mail there is refused with a sentence. With deleting after fetching it works: a message is then"
     " known by its header and its bytes."),
    ("U4", "UIDL is offered, and fails today.", "Temporary: nothing is fetched, and nothing is taken for new."),
    ("U5", "Rows missing, out of order, without a name or with odd words around them.",
     "Rows are put together by number, never by position; one without a name is known by its header and its"
     " bytes."),
    ("U6", "Two messages have one identifier.",
     "Both are fetched; equal bytes are stored once. Which is which is never guessed."),
    ("U7", "An old identifier is given to new mail.",
     "Noticed by size and header, also where numbers are the identifiers; the new message is fetched, and never"
     " deleted as if it were the old one. What cannot be compared is fetched once more."),
    ("U8", "All identifiers change at once.",
     "The old mail is known again by size and header, or by its bytes; nothing is stored twice and nothing is"
     " deleted in that session."),
    ("U9", "Identifiers that are long, odd, or differ in case only.", "Exact bytes, never cut or folded."),
    ("U10", "Newest first, or another order each time.",
     "Numbers say nothing about age; what is new is found by comparing all."),
    ("U11", "A hundred thousand messages are kept at the server.",
     "One pass in bounded memory and one comparison in bulk; no question for each message."),
    ("U12", "More mail than one session can take.",
     "The next one follows at once and goes on where this one ended."),
    ("U13", "Years of mail at the first connect.",
     "The owner chooses: everything, the last days, or only what comes from now on. What is left out stays at"
     " the provider and is not deleted there."),
    ("U14", "A message is gone before it could be fetched.",
     "The rest arrives; that one is no longer waited for once it is not listed."),
    ("U15", "Another program deletes or moves mail away.",
     "Its row is kept for ninety days after it was last listed, so that mail that comes back is not new."),
    ("U16", "The record of what was fetched is lost.",
     "It is in one database and one backup with the mail itself: an older backup lacks both, and fetches just"
     " that."),
    ("U17", "The server lists only some of its mail at a time.",
     "What is not listed is not thought deleted, and the next session takes the next part."),
    ("U18", "Gmail's “recent:” user name shows thirty days of mail again and again.",
     "Known mail is not fetched again, and nothing is deleted under that name."),
    ("U19", "Sizes in the list are wrong.",
     "They are hints: storage is charged by what came, and never overfilled. One that changes is looked at once, by"
     " its header, and then remembered. Absurd ones count as unknown."),
)

RETRIEVING = (
    ("R1", "The worker is killed between the bytes and the record of them.",
     "Both are one transaction: neither is there."),
    ("R2", "The worker is killed between storing and deleting.",
     "The next session deletes, and fetches nothing again."),
    ("R3", "QUIT is lost or refused, so that the deletes may not have happened.",
     "Nothing counts as deleted before the server confirmed it or stopped listing it; then they are done again, fewer"
     " at a time. Mail that is here is no failure because of it."),
    ("R4", "DELE is answered by a blank or senseless line.",
     "The session ends by QUIT; the next listing shows what is gone. That message is deleted last and alone from then"
     " on."),
    ("R5", "The database refuses the messages, or their commit.",
     "No DELE and no QUIT; temporary, and all of it is fetched again."),
    ("R6", "A message breaks off, or far less comes than was listed.",
     "The part is thrown away and nothing is deleted. What comes short a third time is stored as it is, never deleted"
     " at the provider, and shown."),
    ("R7", "One message always breaks the session, or is refused.",
     "Whatever the code: set aside after three sessions, shown, and asked for again after an hour, four, sixteen, up to"
     " a week; the others arrive. Where several in a row are refused and few come, it is the account that waits."),
    ("R8", "One message cannot be parsed.",
     "Stored and shown as it came, to be downloaded; the others are not held up."),
    ("R9", "A message is larger than the plan allows.",
     "Neither fetched nor deleted, and listed with sender, subject, size and the reason."),
    ("R10", "A small message has no end.", "Cut off at the limit, and the line is dropped."),
    ("R11", "Storage is full in the middle.",
     "What fits is stored and the session ends in order. It is a state, not an error, and goes on by itself."),
    ("R12", "Storing fails at every turn.",
     "Nothing is left lying about: no row, no file, no open descriptor."),
    ("R13", "Two workers take one account.", "A lease lets one of them; the other ends at once."),
    ("R14", "The worker that holds the lease dies.",
     "The lease runs out within a minute; nobody has to unlock anything."),
    ("R15", "A worker thought dead wakes up.", "Its token is no longer good: it can neither write nor delete."),
    ("R16", "Doubled dots, no final line break, no body, nothing at all.", "Stored byte for byte."),
    ("R17", "The provider's limit for downloads is reached.",
     "A pause of four hours, and no count against the account."),
    ("R18", "The server hides what it handed out once QUIT is said.",
     "Everything is committed before QUIT, also when mail is left there; when storing fails the line is dropped"
     " without it."),
    ("R19", "Mail is to be deleted some days after fetching.",
     "Counted from when it was stored here; only what is stored, a hundred a session."),
    ("R20", "Deleting is switched on later.",
     "It takes what is stored, and nothing that was never fetched; asked about first, with the number."),
    ("R21", "Replies come out of step.",
     "The session ends and nothing is believed of what was asked for together; the server is asked one command at a"
     " time for a day."),
    ("R22", "TOP is missing, or sends all of it.",
     "It is used only where it saves something, and its size is bounded."),
)

MESSAGES = (
    ("M1", "Raw 8-bit bytes in headers.",
     "Read as UTF-8, as declared, or as Western European; never an error."),
    ("M2", "Charsets nobody knows.",
     "Other names for known ones are understood; the rest is read with marks for what is unclear."),
    ("M3", "NUL and half characters.",
     "Gone from what the database and the page get; the original keeps them."),
    ("M4", "Message ids and addresses in forms that break common parsers.", "Read as far as they make sense."),
    ("M5", "A Content-Type whose parameter has no value.", "Read; the parameter counts for nothing."),
    ("M6", "Dates that are missing, absurd, or of a zone nobody knows.",
     "Such mail is sorted by when it was stored; what was written is shown as text."),
    ("M7", "No Message-ID, two of them, a used one, one of three kilobytes.",
     "It is never what a message is known by; long ones are cut."),
    ("M8", "A thousand parts within parts.", "Down to 64 levels are read; what lies deeper is one file."),
    ("M9", "A hundred thousand parts.",
     "Two thousand are read, in time that grows no faster than the message."),
    ("M10", "Boundaries that are missing or wrong, base64 with rubbish, uuencode within text.",
     "As much as can be read is shown; the original can be downloaded."),
    ("M11", "File names with paths, tricks of direction, no end, or double encoding.",
     "Cleaned, cut, and used for nothing but showing."),
    ("M12", "winmail.dat.", "Offered as a file; we never unpack it."),
    ("M13", "A name that pretends to be another address, or holds a line break.",
     "Name and address are kept apart; a reply goes to the address."),
    ("M14", "No sender, several, groups, nobody at all.",
     "Stored, and shown as unknown where nothing is known."),
    ("M15", "References of eight kilobytes.", "The first and the last ones are kept."),
    ("M16", "Fifty megabytes in one line.", "Shown and found by their beginning, in little time."),
    ("M17", "Pages that swell or nest without end.", "We unpack nothing, read up to a limit, and end in time."),
    ("M18", "A report about a mail that could not be delivered.",
     "Recognised as one, so that nothing ever answers it."),
    ("M19", "An error that holds a password, control characters or a novel.",
     "One clean line of at most 200 characters is kept, and nothing at all of it when it repeats the password."),
    ("M20", "Signed or encrypted mail.", "Handed out exactly as it came, so that signatures hold."),
)

SCHEDULING = (
    ("S1", "One account is slow.",
     "Each account is its own task with its own end; the others keep their times."),
    ("S2", "Five hundred accounts of one provider are due in the same minute.",
     "A few at a time for one server, and times that drift apart."),
    ("S3", "A provider is down for a day.",
     "One account asks now and then; the others wait, nobody is written to, and all go on by themselves."),
    ("S4", "Nothing was started for six hours.", "Each account is due once: no pile."),
    ("S5", "One account fails in a way we did not foresee.",
     "It is that account's error, logged, and tried again; no other one notices."),
    ("S6", "The account is edited, paused or deleted while it is fetched.",
     "Looked at before each write: the session stops."),
    ("S7", "Somebody guesses the addresses of another's mail.",
     "Not found, at every address; and the database itself shows no row of another organization."),
    ("S8", "Clocks step back, or summer time begins.",
     "Due times and leases are compared in the database and in UTC, sessions by a clock that only goes forward."),
    ("S9", "The broker loses every task.",
     "What must be done is a row of the transaction that made it necessary; the clock finds it again. Done twice it"
     " is done once."),
)
# fmt: on

SECTIONS = (
    ("C", "Connecting, TLS, greeting", CONNECTING),
    ("A", "Signing in", SIGNING_IN),
    ("U", "What is there, and under which identifier", LISTING),
    ("R", "Retrieving, storing, deleting", RETRIEVING),
    ("M", "Messages as they come", MESSAGES),
    ("S", "Many accounts, many tenants", SCHEDULING),
)
FAULTS = {row[0]: Fault(*row) for _letter, _title, rows in SECTIONS for row in rows}

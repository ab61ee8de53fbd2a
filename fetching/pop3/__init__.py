"""POP3 (RFC 1939): the protocol without sockets, and a source that speaks it on one."""

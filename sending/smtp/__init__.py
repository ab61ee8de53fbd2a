"""SMTP (RFC 5321): the protocol without sockets, and a client that speaks it on one."""

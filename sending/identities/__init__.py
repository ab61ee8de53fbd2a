"""As whom and by which server an account sends."""

"""Asking servers on the internet, politely and safely. Nothing here runs unasked."""
